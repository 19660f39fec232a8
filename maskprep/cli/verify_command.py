"""`maskprep verify`: whether a data set is what its manifest says, and a repair if it is not."""

from pathlib import Path
from typing import Annotated

import typer

from maskprep.cli.options import ReportOptions, VerificationMachineOptions

VerifiedFolder = Annotated[
    str, typer.Argument(metavar="FOLDER", help="A data-set folder.", show_default=False)
]
RepairInputs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="INPUT",
        help="With --repair: what the folder was made from, as in the first run.",
        show_default=False,
    ),
]


def verify_command(
    *,
    folder: VerifiedFolder,
    inputs: RepairInputs = None,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair", help="Make broken and missing shards anew from INPUT, byte for byte."
        ),
    ] = False,
    tokenizer: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="With --repair: the tokenizer of the rows, if FOLDER/tokenizer is broken.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
    machine: VerificationMachineOptions,
    report: ReportOptions,
) -> None:
    """Check every byte, row, count and rate of a data set against its manifest.

    Exit code 1 if anything is wrong; each fault is a line of the report.
    """
    given = {"INPUT": inputs, "--tokenizer": tokenizer}
    for name, value in given.items():
        if value and not repair:
            raise typer.BadParameter(f"{name} goes with --repair.", param_hint=name)

    from maskprep import pipeline
    from maskprep.cli.running import run_context
    from maskprep.cli.verification_report import refuse_faults, report_verification
    from maskprep.tasks.rerun import RepairRequest

    with run_context(machine, report) as context:
        if repair:
            request = RepairRequest(tuple(inputs or ()), tokenizer)
            found = pipeline.repair_dataset(Path(folder), request, context)
        else:
            found = pipeline.verify_dataset(Path(folder), context)
    report_verification(found, as_json=as_json, quiet=report.quiet)
    refuse_faults(found, tried_repair=repair)
