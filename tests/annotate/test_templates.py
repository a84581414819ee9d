"""The label configurations that come with Yuelu, and the ones we refuse."""

import re

import pytest

from yuelu.annotate.templates import (
    OWN,
    Control,
    _check_data,
    accepted_by_sdk,
    load_template,
    own_template,
    parse_template,
    template_names,
)
from yuelu.base.canonical import sha256
from yuelu.base.errors import Misconfigured
from yuelu.base.records import Medium

SHIPPED = {
    "image-boxes": (Medium.IMAGE, {"scene": "medical industrial material everyday", "object": "anatomy part animal object"}),
    "audio-segments": (Medium.AUDIO, {"quality": "clean noisy", "sound": "speech noise music"}),
    "video-ranges": (Medium.VIDEO, {"camera": "moving still", "event": "person animal vehicle"}),
    "series-ranges": (Medium.TIMESERIES, {"condition": "normal abnormal", "event": "anomaly transient standstill"}),
}


# Every template, and the types of the results that it asks for.
ALL = {
    "audio-segments": "choices labels", "audio-speakers": "labels", "audio-transcription": "labels textarea",
    "image-boxes": "choices rectanglelabels", "image-classes": "choices", "image-count": "number",
    "image-ellipses": "ellipselabels", "image-findings": "choices", "image-keypoints": "keypointlabels",
    "image-masks": "brushlabels", "image-polygons": "polygonlabels", "image-polylines": "vectorlabels",
    "image-preference": "pairwise", "image-ranking": "number", "image-rating": "rating",
    "image-rotated-boxes": "rectanglelabels", "image-taxonomy": "taxonomy", "series-ranges": "choices timeserieslabels",
    "text-classes": "choices", "text-relations": "labels", "text-spans": "labels", "video-ranges": "choices timelinelabels",
    "video-tracks": "labels videorectangle", "volume-boxes": "choices rectanglelabels choices",
}  # fmt: skip
# Ledgers name these by their digests: a change is a new version.
FIXED = {
    "audio-segments": "1c4abd3a7a7513b1", "image-boxes": "85987453d796a9dc", "series-ranges": "5da53cf44c0ee724",
    "video-ranges": "f143bcbeffb53d6e",
}  # fmt: skip


def test_the_library_is_complete() -> None:
    assert template_names() == tuple((name, "1") for name in ALL)
    assert {name: " ".join(control.kind for control in load_template(name).controls) for name in ALL} == ALL


@pytest.mark.parametrize("name", FIXED)
def test_a_version_never_changes(name: str) -> None:
    template = load_template(name)
    assert sha256(f"{template.digest} {template.description_digest}".encode())[:16] == FIXED[name]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    ("language", "heads"), [("en", ("## Task", "## Method", "## Examples")), ("zh", ("## 任务", "## 方法", "## 示例"))]
)
def test_every_description_has_the_parts_of_gbt_42755(name: str, language: str, heads: tuple[str, ...]) -> None:
    text = load_template(name).descriptions[language]
    right, wrong = ("- Right: ", "- Wrong: ") if language == "en" else ("- 正例：", "- 反例：")
    assert "GB/T 42755-2023" in text
    assert [line for line in text.splitlines() if line in heads] == list(heads)
    assert text.count(right) >= 2
    assert text.count(wrong) >= 2


@pytest.mark.parametrize("name", ALL)
def test_what_a_template_asks_stands_in_its_data(name: str) -> None:
    """The keys that dispatch fills, and those it does not."""
    _check_data(load_template(name))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_configurations(name: str) -> None:
    template = load_template(name)
    medium, controls = SHIPPED[name]
    assert template.medium is medium
    assert {control.name: " ".join(control.labels) for control in template.controls} == controls
    assert set(template.descriptions) == {"en", "zh"}
    assert len(template.digest) == len(template.description_digest) == 64


@pytest.mark.parametrize("name", ALL)
@pytest.mark.filterwarnings("ignore")  # the SDK's own, on import
def test_label_studio_accepts_them_too(name: str) -> None:
    accepted_by_sdk(load_template(name))


@pytest.mark.filterwarnings("ignore")
def test_what_the_sdk_refuses_is_refused() -> None:
    template = parse_template(
        "t", "1", '<View><Image name="i"/><Choices name="c" toName="i"><Choice value="a"/></Choices></View>', {}
    )
    with pytest.raises(Misconfigured, match="SDK refuses"):
        accepted_by_sdk(template)


def test_a_control_as_read() -> None:
    assert load_template("image-boxes").control("scene") == Control(
        "scene", "choices", "image", ("medical", "industrial", "material", "everyday"), required=True, single=True
    )
    assert load_template("image-boxes").control("nothing") is None


@pytest.mark.parametrize(("name", "version"), [("image-boxes", "2"), ("../templates", "1"), ("nothing", "1"), ("", "1")])
def test_unknown_configurations(name: str, version: str) -> None:
    with pytest.raises(Misconfigured, match="no label configuration"):
        load_template(name, version)


IMAGE, CHOICE, PER_REGION = '<Image name="i" value="$i"/>', '<Choice value="a"/>', '<Choices perRegion="true"'
CHOICES = f'<Choices name="c" toName="i">{CHOICE}</Choices>'


@pytest.mark.parametrize(
    ("config", "match"),
    [
        ("<View", "not XML"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><View>&a;</View>', "not XML"),
        ('<!DOCTYPE x SYSTEM "file:///etc/passwd"><View/>', "not XML"),
        ('<View><Dicom name="i" value="$i"/></View>', "<Dicom>"),  # the server and the SDK take it, the editor has it not
        ("<View><Style>x</Style></View>", "<Style>"),
        (f"<View>{CHOICES}</View>", "0 media"),
        ('<View><Image name="i" value="$i"/></View>', "element names"),
        ('<View><Image name="c" value="$i"/><Choices name="c" toName="c"><Choice value="a"/></Choices></View>', "element names"),
        (f'<View><Image name="j" value="$i"/>{CHOICES}</View>', "toName"),
        ('<View><Image name="i" value="$i"/><Labels name="c" toName="i"><Label value="a"/></Labels></View>', "works on Audio"),
        ('<View><Image name="i" value="$i"/><Choices name="c" toName="i"/></View>', "labels"),
        (f'<View>{IMAGE}{CHOICES}<Channel column="x"/></View>', "1 <Channel> in <Image>"),
        (f'<View><TimeSeries name="i" value="$i"/>{CHOICES}</View>', "0 <Channel> in <TimeSeries>"),
        (f"<View>{IMAGE}{CHOICES.replace(CHOICE, CHOICE * 2)}</View>", "labels"),
        (f"<View>{IMAGE}{CHOICES.replace('<Choices', PER_REGION)}</View>", "depends"),
    ],
)
def test_configurations_we_cannot_read_back(config: str, match: str) -> None:
    with pytest.raises(Misconfigured, match=match):
        parse_template("t", "1", config, {})


@pytest.mark.parametrize("label", ["a + b", "a +", "+ b", "+"])
def test_a_label_that_could_not_be_told_from_two_is_refused(label: str) -> None:
    config = f'<View>{IMAGE}<Choices name="c" toName="i"><Choice value="{label}"/><Choice value="a+b"/></Choices></View>'
    with pytest.raises(Misconfigured, match=re.escape(f"c has the label {label!r}")):
        parse_template("t", "1", config, {})
    assert parse_template("t", "1", config.replace(f'"{label}"', '"C++"'), {}).controls[0].labels == ("C++", "a+b")


BOX, TRUE = '<Rectangle name="b" toName="i"/>', '"true"'


@pytest.mark.parametrize(
    ("config", "match"),
    [
        (f'<View>{IMAGE}<Labels name="c" toName="i"><Label value="a"/></Labels></View>', "draws nothing by itself"),
        (f"<View>{IMAGE}{CHOICES.replace('<Choices', '<Choices perItem=' + TRUE)}</View>", "perItem"),
        (f"<View>{IMAGE}{BOX.replace('<Rectangle', '<Rectangle perRegion=' + TRUE)}</View>", "has the attribute perRegion"),
        (f'<View style="background: url(http://x/y)">{IMAGE}{CHOICES}</View>', "has the style"),
        (f"<View>{IMAGE}{CHOICES.replace('<Choice ', '<Choice html=' + TRUE + ' ')}</View>", "attribute html"),
        (f'<View>{IMAGE}<Video name="v" value="$video"/>{CHOICES}</View>', "2 media elements: Image, Video"),
        (f'<View>{IMAGE}<Image name="j" value="$j"/>{CHOICES}</View>', "2 <Image>"),
        (f'<View>{IMAGE}<Pairwise name="p" toName="i"/></View>', "two of them"),
        (f'<View>{IMAGE}<Taxonomy name="t" toName="i"><Choice value="a"/><Choice value="a"/></Taxonomy></View>', "places"),
        (f'<View>{IMAGE}<Chat name="p" value="$i"/></View>', "<Chat>"),
        (f'<View>{IMAGE}<Rating name="r" toName="i" maxRating="many"/></View>', "maxRating='many'"),
        (f'<View>{IMAGE}<Number name="r" toName="i" min="nan"/></View>', "min='nan'"),
        (f'<View>{IMAGE}<OcrLabels name="p" toName="i"><Label value="a"/></OcrLabels></View>', "<OcrLabels>"),
    ],
)
def test_more_configurations_that_are_refused(config: str, match: str) -> None:
    with pytest.raises(Misconfigured, match=re.escape(match)):
        parse_template("t", "1", config, {})


def test_what_a_control_is_told() -> None:
    template = parse_template(
        "t",
        "1",
        '<View><View visibleWhen="region-selected"><Choices name="c" toName="i" perRegion="true" required="true" '
        'choice="multiple">'
        '<Choice value="Long name" alias="ln"/><Choice value="b"/></Choices></View><Image name="i" value="$images[2]"/>'
        '<Taxonomy name="t" toName="i"><Choice value="a"><Choice value="b"/></Choice></Taxonomy>'
        '<RectangleLabels name="r" toName="i"><Label value="x"/></RectangleLabels>'
        '<Relations><Relation value="of"/></Relations></View>',
        {},
    )
    choices, tree, boxes = template.controls
    assert (choices.labels, choices.single, choices.per, choices.conditional, choices.place) == (
        ("ln", "b"),
        False,
        "region",
        True,
        2,
    )
    assert tree.paths == (("a",), ("a", "b"))
    assert (boxes.shown, boxes.conditional, boxes.single) == ("Image", False, True)
    assert template.relations == ("of",)


MINE = '<View><Image name="i" valueList="$images"/><Ellipse name="e" toName="i"/></View>'


@pytest.mark.filterwarnings("ignore")
def test_a_configuration_of_ones_own_has_one_description() -> None:
    template = own_template("my-cells", MINE, "# Cells\n\nDraw an ellipse around each cell.")
    assert (template.version, template.descriptions["zh"]) == (OWN, template.descriptions["en"])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "config", "description", "match"),
    [
        ("My cells", MINE, "what to do and how", "small letters"),
        ("cells", MINE, " ", "says nothing"),
        ("cells", MINE.replace("$images", "$pictures"), "what to do and how", 'valueList="$images"'),
        ("cells", MINE.replace("valueList", "value"), "what to do and how", 'value="$images[0]"'),
        ("cells", MINE.replace("Ellipse ", "Ellipse opacty='1' "), "what to do and how", "opacity"),
    ],
)
def test_a_configuration_of_ones_own_that_is_refused(name: str, config: str, description: str, match: str) -> None:
    with pytest.raises(Misconfigured, match=re.escape(match)):
        own_template(name, config, description)
