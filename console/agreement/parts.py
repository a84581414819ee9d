"""The report on a table that is scored in parts: its scores, and no more, since nothing holds all of its answers at once."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import numpy as np

from yuelu.base.errors import Misconfigured
from yuelu.console.agreement.measure import Options, Report
from yuelu.pipelines.computing import computing
from yuelu.pipelines.score_table import parts_for, score_tables, tables_at
from yuelu.quality.kinds.answers import Asked
from yuelu.quality.kinds.report import ControlReport
from yuelu.quality.kinds.scoring import TaskValues
from yuelu.quality.labels import Level

_ONLY_SCORES = "pairs, annotators, labels and tasks are not told of a table in parts"


def report_of_parts(named: str, options: Options, scheduler: str | None, workers: int, scratch: Path | None) -> Report:
    """Return the report on the table or tables that `named` says; parts lie in `scratch` meanwhile (None: the system's folder).

    Raises NotFound: no such table; Misconfigured: companies, which are about pairs of annotators; as `score_tables`.
    """
    if options.companies:
        raise Misconfigured(
            "a table in parts is not told apart by company", "leave --groups out, or give one table that memory holds"
        )
    tables, level = tables_at(named), options.level or "nominal"
    order = next(iter(options.orders.values()), None)
    with computing(scheduler, workers), TemporaryDirectory(prefix="yuelu-parts-", dir=scratch) as folder:
        found = score_tables(
            tables,
            Path(folder),
            parts_for(tables, workers),
            cast("Level", level),
            order=order,
            without=options.models,
        )
    main = "mean_difference" if level in ("interval", "ratio") else "percent_agreement"
    asked, no_tasks = Asked("label", level, order), TaskValues(main, (), np.empty(0), "")
    control = ControlReport(
        asked, main, main == "mean_difference", found.scores,
        pairs=(), annotators=(), companies=(), labels=(), confusions=(), tasks=no_tasks, models=(), gold=(), left_out={},
    )  # fmt: skip
    counts = {"tables": found.files, "parts": found.parts, "counted answers": found.answers}
    return Report(named, {"label": control}, counts, {_ONLY_SCORES: 1}, {})
