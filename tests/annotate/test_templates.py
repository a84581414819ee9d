"""The label configurations that come with Yuelu, and the ones we refuse."""

import re

import pytest

from yuelu.annotate.templates import Control, accepted_by_sdk, load_template, parse_template
from yuelu.base.errors import Misconfigured
from yuelu.base.records import Medium

SHIPPED = {
    "image-boxes": (Medium.IMAGE, {"scene": "medical industrial material everyday", "object": "anatomy part animal object"}),
    "audio-segments": (Medium.AUDIO, {"quality": "clean noisy", "sound": "speech noise music"}),
    "video-ranges": (Medium.VIDEO, {"camera": "moving still", "event": "person animal vehicle"}),
    "series-ranges": (Medium.TIMESERIES, {"condition": "normal abnormal", "event": "anomaly transient standstill"}),
}


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_configurations(name: str) -> None:
    template = load_template(name)
    medium, controls = SHIPPED[name]
    assert template.medium is medium
    assert {control.name: " ".join(control.labels) for control in template.controls} == controls
    assert set(template.descriptions) == {"en", "zh"}
    assert len(template.digest) == len(template.description_digest) == 64


@pytest.mark.parametrize("name", SHIPPED)
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
