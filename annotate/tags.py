"""The elements of a label configuration that we take: what the open edition's editor really has and we can read back.

The server and Label Studio's SDK accept more than the editor shows (`<Dicom>`, `<OcrLabels>`, `<Chat>`), and elements that run
a page of their own (`<Style>`, `html=`) stay out: what an annotator sees is what the configuration says.
Source: the tags and attributes of Label Studio 1.23.2's editor.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from yuelu.base.records import Medium


@dataclass(frozen=True, slots=True)
class ObjectTag:
    """What shows something. `values` are the data keys that dispatch fills, as they stand after the `$`."""

    medium: Medium
    values: tuple[str, ...]
    attributes: frozenset[str]


@dataclass(frozen=True, slots=True)
class ControlTag:
    """What asks something. `kind` is the `type` of its results, `on` what it works on, `item` the element of its answers."""

    kind: str
    on: frozenset[str]
    attributes: frozenset[str]
    item: str = ""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LEVEL = "level"  # ours: the level of measurement of the answers, which Label Studio passes over
_VISIBLE = "visibleWhen whenTagName whenLabelValue whenChoiceValue"
_LABELS = "choice maxUsages showInline opacity fillColor strokeColor strokeWidth allowEmpty required"
_SHAPE = "opacity fillColor strokeColor strokeWidth snap smart smartOnly"
_ASKED = f"required requiredMessage perRegion perItem {_VISIBLE}"
_POINTS = "pointSize pointStyle"
_VECTOR = f"{_POINTS} closable curves skeleton minPoints maxPoints pointSizeEnabled pointSizeDisabled"

# One screen holds every element that shows something.
OBJECT_TAGS: Mapping[str, ObjectTag] = MappingProxyType(
    {
        "Image": ObjectTag(
            Medium.IMAGE,
            ("images",),
            _words(
                "valueList smoothing width maxWidth height maxHeight zoom negativeZoom zoomBy zoomControl "
                "brightnessControl contrastControl rotateControl crosshair horizontalAlignment verticalAlignment defaultZoom "
                "grid gridSize gridColor"
            ),
        ),
        "Audio": ObjectTag(
            Medium.AUDIO,
            ("audio",),
            _words(
                "defaultspeed defaultscale defaultzoom defaultvolume speed zoom volume hotkey height waveheight spectrogram "
                "splitchannels decoder player"
            ),
        ),
        "Video": ObjectTag(
            Medium.VIDEO,
            ("video",),
            _words("framerate frameRate height timelineHeight muted defaultPlaybackSpeed minPlaybackSpeed"),
        ),
        "TimeSeries": ObjectTag(
            Medium.TIMESERIES,
            ("timeseries",),
            _words(
                "valueType timeColumn timeDisplayFormat durationDisplayFormat sep cursorColor overviewChannels overviewWidth "
                "fixedScale"
            ),
        ),
        "Text": ObjectTag(
            Medium.TEXT, ("text",), _words("valueType saveTextResult granularity highlightColor showLabels selectionEnabled")
        ),
        "HyperText": ObjectTag(
            Medium.TEXT, ("text",), _words("valueType saveTextResult granularity highlightColor showLabels selectionEnabled")
        ),
        "Paragraphs": ObjectTag(
            Medium.TEXT, ("text",), _words("valueType saveTextResult layout nameKey textKey contextScroll granularity")
        ),
        "List": ObjectTag(Medium.IMAGE, ("items",), _words("title")),
    }
)
_ANY = frozenset(OBJECT_TAGS)
_PICTURE, _SOUND, _FILM, _SERIES = (frozenset({each}) for each in ("Image", "Audio", "Video", "TimeSeries"))
_WORDS, _DIALOGUE = frozenset({"Text", "HyperText"}), frozenset({"Paragraphs"})


def _shapes(name: str, more: str = "") -> dict[str, ControlTag]:
    kind = name.lower()
    return {
        name: ControlTag(kind, _PICTURE, _words(f"{_SHAPE} {more}")),
        f"{name}Labels": ControlTag(f"{kind}labels", _PICTURE, _words(f"{_SHAPE} {_LABELS} {more}"), "Label"),
    }


# One screen holds every element that asks something.
CONTROL_TAGS: Mapping[str, ControlTag] = MappingProxyType(
    {
        "Choices": ControlTag("choices", _ANY, _words(f"choice showInline layout {LEVEL} {_ASKED}"), "Choice"),
        "Rating": ControlTag("rating", _ANY, _words(f"maxRating icon size hotkey {_ASKED}")),
        "Number": ControlTag("number", _ANY, _words(f"min max step slider hotkey {LEVEL} {_ASKED}")),
        "DateTime": ControlTag("datetime", _ANY, _words(f"format only min max {_ASKED}")),
        "TextArea": ControlTag(
            "textarea",
            _ANY,
            _words(
                f"placeholder maxSubmissions editable transcription skipDuplicates displayMode rows showSubmitButton {_ASKED}"
            ),
        ),
        "Taxonomy": ControlTag(
            "taxonomy",
            _ANY,
            _words(f"leafsOnly showFullPath pathSeparator maxUsages maxWidth minWidth placeholder {_ASKED}"),
            "Choice",
        ),
        "Pairwise": ControlTag("pairwise", _ANY, _words(f"selectionStyle leftClass rightClass {_ASKED}")),
        "Ranker": ControlTag("ranker", frozenset({"List"}), _words("collapsible"), "Bucket"),
        **_shapes("Rectangle", "canRotate"),
        **_shapes("Ellipse", "canRotate"),
        **_shapes("Polygon", _POINTS),
        **_shapes("KeyPoint"),
        **_shapes("Vector", _VECTOR),
        **_shapes("Brush"),
        **_shapes("Bitmask"),
        "MagicWand": ControlTag("magicwand", _PICTURE, _words(f"{_SHAPE} blurradius defaultthreshold")),
        "Labels": ControlTag("labels", _PICTURE | _SOUND | _FILM | _WORDS | _DIALOGUE, _words(_LABELS), "Label"),
        "HyperTextLabels": ControlTag("hypertextlabels", _WORDS, _words(_LABELS), "Label"),
        "ParagraphLabels": ControlTag("paragraphlabels", _DIALOGUE, _words(_LABELS), "Label"),
        "TimeSeriesLabels": ControlTag("timeserieslabels", _SERIES, _words(_LABELS), "Label"),
        "TimelineLabels": ControlTag("timelinelabels", _FILM, _words(_LABELS), "Label"),
        "VideoRectangle": ControlTag("videorectangle", _FILM, _words(_SHAPE)),
    }
)
_NAMED = _words("name value")
_ITEM = _words("value alias background hotkey hint selectedColor size granularity category color")

# Everything else that may stand in a configuration, with its attributes.
PLAIN_TAGS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "View": _words(f"display style {_VISIBLE}"),
        "Header": _words("value size style underline"),
        "Label": _ITEM,
        "Choice": _ITEM,
        "Bucket": _words("name title default"),
        "Relations": _words("choice"),
        "Relation": _words("value background"),
        "Channel": _words(
            "column legend units displayFormat height showAxis fixedScale strokeWidth strokeColor markerSize markerColor "
            "markerSymbol dataRange timeRange"
        ),
    }
)


def attributes_of(tag: str) -> frozenset[str] | None:
    """Return the attributes that the element may have; None: we do not take the element."""
    if tag in OBJECT_TAGS:
        return OBJECT_TAGS[tag].attributes | _NAMED
    if tag in CONTROL_TAGS:
        return CONTROL_TAGS[tag].attributes | {"name", "toName"}
    return PLAIN_TAGS.get(tag)


def known_tags() -> tuple[str, ...]:
    """Return the names of all elements we take, in order."""
    return tuple(sorted({*OBJECT_TAGS, *CONTROL_TAGS, *PLAIN_TAGS}))
