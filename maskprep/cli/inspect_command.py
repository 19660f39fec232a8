"""`maskprep inspect`: what a data set, a shard, a stream or a tokenizer holds."""

from typing import Annotated

import typer

from maskprep.cli.standard_streams import input_names
from maskprep.config import require_count

InspectedPaths = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PATH",
        help="Data-set folders, shards, tokenizers; '-' or nothing: a stream on standard input.",
        show_default=False,
    ),
]


def inspect_command(
    *,
    paths: InspectedPaths = None,
    rows: Annotated[int, typer.Option(metavar="N", help="Rows to show.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Rows and statistics as JSON.")] = False,
    html: Annotated[
        str | None, typer.Option("--html", metavar="FILE", help="Write the same page as HTML.")
    ] = None,
) -> None:
    """Show rows decoded, with masks in colour, and the statistics of a data set or tokenizer."""
    require_count("rows", rows, least=0)
    names = input_names(paths)
    if as_json and html is not None:
        raise typer.BadParameter("--json and --html exclude each other.", param_hint="--html")

    from maskprep.cli.inspection import inspect_path
    from maskprep.cli.inspection_report import write_html, write_json, write_terminal

    inspected = [inspect_path(name, rows) for name in names]
    if as_json:
        write_json(inspected)
    elif html is not None:
        write_html(inspected, html)
    else:
        write_terminal(inspected)
