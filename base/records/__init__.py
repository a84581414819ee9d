"""The records that pass between rooms: media, regions, annotations. Parsed once at the border, frozen from then on."""

from yuelu.base.records.annotation import Annotation
from yuelu.base.records.answers import Choice, Moment, Number, Preference, Ranking, Rating, Relation, Taxonomy, Text
from yuelu.base.records.entry import Entry
from yuelu.base.records.media import Asset, Medium, Outcome, Role, asset_key
from yuelu.base.records.regions import REGION_KINDS, Region, kind_of, region_from_json, region_said, region_to_json
from yuelu.base.records.shapes import Box, Ellipse, KeyPoint, Mask, Polygon, Vector, Vertex
from yuelu.base.records.spans import HyperTextSpan, ParagraphSpan, TextSpan
from yuelu.base.records.stretches import FrameRange, Keyframe, Segment, Track

__all__ = [
    "REGION_KINDS",
    "Annotation",
    "Asset",
    "Box",
    "Choice",
    "Ellipse",
    "Entry",
    "FrameRange",
    "HyperTextSpan",
    "KeyPoint",
    "Keyframe",
    "Mask",
    "Medium",
    "Moment",
    "Number",
    "Outcome",
    "ParagraphSpan",
    "Polygon",
    "Preference",
    "Ranking",
    "Rating",
    "Region",
    "Relation",
    "Role",
    "Segment",
    "Taxonomy",
    "Text",
    "TextSpan",
    "Track",
    "Vector",
    "Vertex",
    "asset_key",
    "kind_of",
    "region_from_json",
    "region_said",
    "region_to_json",
]
