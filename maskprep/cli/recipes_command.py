"""`maskprep recipes`: which recipes there are, and the file of one."""

import shutil
import textwrap
from typing import Annotated

import typer

from maskprep.cli.recipe_files import describe_recipe, recipe_names, recipe_text

WIDEST = 100
"""Columns of the list, in a wider terminal too."""

ShownRecipe = Annotated[
    str, typer.Argument(metavar="NAME", help="Of a recipe.", show_default=False)
]


def recipes_command(context: typer.Context) -> None:
    """List the recipes that maskprep brings along: name, what it is, source."""
    if context.invoked_subcommand is not None:
        return
    names = recipe_names()
    indent = max(map(len, names)) + 2
    width = min(shutil.get_terminal_size().columns, WIDEST)
    for name in names:
        title, source = describe_recipe(name)
        for lead, text in ((name, title), ("", source)):
            typer.echo(
                textwrap.fill(
                    text,
                    max(width, indent + 20),
                    initial_indent=lead.ljust(indent),
                    subsequent_indent=" " * indent,
                    break_long_words=False,
                    break_on_hyphens=False,
                )
            )


def show_command(*, name: ShownRecipe) -> None:
    """Print the TOML file of a recipe, to be copied and edited.

    `maskprep recipes show bert > run.toml`, then `maskprep prepare ... --config run.toml`.
    """
    typer.echo(recipe_text(name).encode(), nl=False)
