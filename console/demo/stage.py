"""Showing a long job step by step: a bar while a step runs, one line when it is done."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from yuelu.base import progress
from yuelu.console.words import say


@dataclass(slots=True)
class Step:
    """One step that is running. `found` is the line that stays when it is done; `notes` are the lines under it."""

    progress: progress.Progress
    found: str = ""
    notes: list[str] = field(default_factory=list)


class Stage:
    """Prints steps to a terminal with bars, or to a pipe with one line each."""

    def __init__(self, steps: int, language: str, out: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self.steps, self.language, self.out, self.clock = steps, language, out, clock
        self.number = 0

    def say(self, english: str, **values: object) -> str:
        """Return the text in the reader's language."""
        return say(self.language, english, **values)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Run one step under its title (English; shown in the reader's language)."""
        self.number += 1
        label = f"[{self.number}/{self.steps}] {self.say(title)}"
        started = self.clock()
        if self.out.is_terminal:
            columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            with Progress(*columns, console=self.out, transient=True) as bars:
                bar = bars.add_task(label, total=None)
                step = Step(lambda done, total: bars.update(bar, completed=done, total=total))
                yield step
        else:
            self.out.print(f"{label} ...", markup=False)
            step = Step(progress.silent)
            yield step
        self.out.print(f"{label}: {step.found}  ({self.clock() - started:.1f} s)", markup=False)
        for note in step.notes:
            self.out.print(f"      {note}", markup=False)
