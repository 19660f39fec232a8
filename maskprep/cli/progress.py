"""How far a run is, on standard error: bars for people, JSON lines for programs."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.progress import Progress as Bars
from rich.table import Column
from rich.text import Text

from maskprep.cli.options import ReportOptions
from maskprep.tasks.plan import Progress, Silence

JSON_SECONDS = 1.0
"""Between two lines of one phase."""
BAR_SECONDS = 0.1
"""Between two drawings of a bar."""


@contextmanager
def shown_progress(options: ReportOptions) -> Iterator[Progress]:
    """Show progress as the user wants it while the block runs."""
    if options.quiet or options.progress == "none":
        yield Silence()
    elif options.progress == "json":
        yield JsonProgress()
    elif sys.stderr.isatty():
        console = Console(stderr=True)
        with Bars(*bar_columns(), console=console, transient=True, auto_refresh=False) as bars:
            yield BarProgress(bars)
    else:
        yield Silence()


def bar_columns() -> list[ProgressColumn]:
    """Return what a bar shows."""
    return [
        SpinnerColumn(),
        TextColumn("{task.description:<15}"),
        # Where the terminal is narrow the bar gives way: a second line would stay on the screen.
        BarColumn(bar_width=None, table_column=Column(min_width=1, max_width=40)),
        _Amount(table_column=Column(no_wrap=True, overflow="crop")),
    ]


class BarProgress:
    """One bar for each phase, drawn when there is news: a thread must not meet a fork."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._drawn = 0.0
        self._task = bars.add_task("", visible=False)

    def begin(self, phase: str, total: int | None, unit: str) -> None:
        """Begin a phase with a new bar in the place of the last."""
        self._bars.remove_task(self._task)
        self._task = self._bars.add_task(phase, total=total, unit=unit)
        self._bars.refresh()

    def advance(self, amount: int) -> None:
        """Move the bar."""
        self._bars.advance(self._task, amount)
        if time.monotonic() - self._drawn >= BAR_SECONDS:
            self._drawn = time.monotonic()
            self._bars.refresh()

    def end(self) -> None:
        """Fill the bar."""
        done = self._bars.tasks[-1].completed if self._bars.tasks else 0
        self._bars.update(self._task, total=max(done, 1), completed=max(done, 1))
        self._bars.refresh()


class _Amount(ProgressColumn):
    """How much is done, how fast, and how long the rest takes."""

    def render(self, task: Task) -> Text:
        unit = str(task.fields.get("unit", ""))
        done = readable_amount(task.completed, unit)
        if task.total is not None:
            # The unit once: "24.6 k of 68.3 k rows".
            done = f"{done.removesuffix(f' {unit}')} of {readable_amount(task.total, unit)}"
        speed = task.speed or 0.0
        rate = f"{readable_amount(speed, unit)}/s" if speed else ""
        left = task.time_remaining
        rest = "" if left is None or task.finished else f"{_clock(left)} left"
        return Text("  ".join(part for part in (done, rate, rest) if part))


def readable_amount(amount: float, unit: str) -> str:
    """Write an amount: 1.2 MB of bytes, 12,345 tokens, 1.2 M tokens."""
    if unit == "bytes":
        return readable_bytes(amount)
    for factor, name in ((10**9, " G"), (10**6, " M"), (10**4, " k")):
        if amount >= factor:
            scale = factor if factor != 10**4 else 10**3
            return f"{amount / scale:.1f}{name} {unit}"
    return f"{amount:,.0f} {unit}"


def readable_bytes(amount: float) -> str:
    """Write an amount of bytes: 12 B, 1.2 kB, 3.4 MB, 5.6 GB."""
    for factor, name in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if amount >= factor:
            return f"{amount / factor:.1f} {name}"
    return f"{amount:.0f} B"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


class JsonProgress:
    """One JSON object a line: at a phase's begin and end, and in between once a second.

    {"phase": "tokenize", "state": "running", "unit": "bytes", "done": 10, "total": 20,
    "seconds": 1.5}; total is null where it is not known.
    """

    def __init__(self) -> None:
        self._phase = ""
        self._unit = ""
        self._total: int | None = None
        self._done = 0
        self._started = self._told = 0.0

    def begin(self, phase: str, total: int | None, unit: str) -> None:
        """Begin a phase."""
        self._phase, self._total, self._unit, self._done = phase, total, unit, 0
        self._started = time.monotonic()
        self._tell("begin")

    def advance(self, amount: int) -> None:
        """Count, and tell if it is time."""
        self._done += amount
        if time.monotonic() - self._told >= JSON_SECONDS:
            self._tell("running")

    def end(self) -> None:
        """End the phase."""
        self._tell("end")

    def _tell(self, state: str) -> None:
        self._told = time.monotonic()
        line = {
            "phase": self._phase,
            "state": state,
            "unit": self._unit,
            "done": self._done,
            "total": self._total,
            "seconds": round(self._told - self._started, 3),
        }
        sys.stderr.write(json.dumps(line) + "\n")
        sys.stderr.flush()
