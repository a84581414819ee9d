"""One label configuration for all series of a project: a plot for each channel, with what all of them call it."""

from dataclasses import replace

import pytest

from yuelu.annotate.channels import Plot, plots_of, same_questions, with_plots
from yuelu.annotate.templates import accepted_by_sdk, load_template
from yuelu.base.errors import InvalidRecord

SERIES = load_template("series-ranges")
TWO = (Plot("speed", "m/s"), Plot('"torque" <N·m> & more'))


def test_each_channel_gets_a_plot() -> None:
    config = with_plots(SERIES, TWO)
    assert config.count("<Channel ") == 2
    assert 'column="ch0" legend="speed" units="m/s" displayFormat=".4~g" height="120"' in config
    assert """column="ch1" legend='"torque" &lt;N·m&gt; &amp; more' units="" """ in config
    before, _, after = SERIES.config.partition("    <Channel ")
    assert config.startswith(before)
    assert config.endswith(after.partition("/>\n")[2])


@pytest.mark.filterwarnings("ignore")  # the SDK's own, on import
def test_label_studio_accepts_it() -> None:
    accepted_by_sdk(replace(SERIES, config=with_plots(SERIES, TWO)))


def test_what_series_do_not_share_is_a_number() -> None:
    assert plots_of([TWO, TWO]) == TWO
    assert plots_of([TWO, (Plot("speed", "km/h"), TWO[1])]) == (Plot("1"), TWO[1])


@pytest.mark.parametrize(("series", "counts"), [([TWO, TWO[:1]], "1 and 2"), ([], "no")])
def test_series_of_several_shapes_do_not_fit_one_project(series: list[tuple[Plot, ...]], counts: str) -> None:
    with pytest.raises(InvalidRecord, match=f"the series of one project have {counts} channels\n  try: ingest"):
        plots_of(series)


def test_names_alone_do_not_make_another_configuration() -> None:
    config = with_plots(SERIES, TWO)
    assert same_questions(config, with_plots(SERIES, plots_of([(Plot("a"), Plot("b"))])) + "\n")
    assert not same_questions(config, with_plots(SERIES, TWO[:1]))
    assert not same_questions(config, config.replace("anomaly", "fault"))
