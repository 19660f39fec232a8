"""From options to a run: the context of the pipeline, and who is told what."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from maskprep.cli.option_groups import settings_from
from maskprep.cli.options import (
    EncoderOptions,
    MachineOptions,
    ReportOptions,
    VerificationMachineOptions,
)
from maskprep.cli.progress import shown_progress
from maskprep.cli.standard_streams import binary_input
from maskprep.config import RunConfig
from maskprep.tasks.running import Context


@contextmanager
def run_context(
    machine: MachineOptions | VerificationMachineOptions,
    report: ReportOptions,
    encoder: EncoderOptions | None = None,
    *,
    dry_run: bool = False,
) -> Iterator[Context]:
    """Give the pipeline this machine and a progress display, while the block runs."""
    config = settings_from(RunConfig, machine, *([] if encoder is None else [encoder]))
    with shown_progress(report) as progress:
        yield Context(config, progress, binary_input(), dry_run)


def note(report: ReportOptions, message: str) -> None:
    """Say something on standard error, if anything may be said."""
    if not report.quiet:
        sys.stderr.write(f"{message}\n")
