"""Writes the generated pages of docs/reference: `python docs/generate.py`.

cli.md comes from the Typer app, columns.md from maskprep/schema.py, config.md from
maskprep/config. tests/test_docs.py fails where a page is not what this would write.
"""

# ruff: noqa: INP001 - a script beside the pages, not a package.

import enum
import inspect
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import typer
from typer.models import ArgumentInfo, OptionInfo

from maskprep import config, schema
from maskprep.cli.app import app
from maskprep.cli.option_groups import CHOICES
from maskprep.cli.recipe_files import TABLES

if typing.TYPE_CHECKING:
    import pyarrow as pa

REFERENCE = Path(__file__).resolve().parent / "reference"
HEAD = "<!-- Written by docs/generate.py. Do not edit. -->\n\n"
PADDED = """
Rows are then as long as the examples' `--max-seq-length`: ids are filled up with the id of the
padding token, `labels` with -100, all else with 0 or false. `attention_mask` stands behind
`token_type_ids` (of packed rows behind `input_ids`); `--columns keras` has `padding_mask` for it.
`masked_lm_weights` comes with `--columns positions`; there and with `--columns keras` the lists of
predictions are as long as `--max-predictions`. `sequence_lengths` is not padded: it sums to the
tokens without padding."""

OPTION_OF_FIELD = {
    "lowercase": "--lowercase/--cased",
    "strip_accents": "--strip-accents/--keep-accents",
    "special_tokens": "--special-token",
    "shuffle": "--shuffle/--no-shuffle",
    "pad_to_max": "--pad-to-max/--no-pad-to-max",
    "memory_bytes": "--memory",
}


@dataclass(frozen=True)
class Parameter:
    """One argument or option of a command."""

    names: str
    meaning: str
    values: str
    default: str
    panel: str

    @property
    def row(self) -> str:
        """A line of a table."""
        return f"| {self.names} | {self.values} | {self.default} | {self.meaning} |"


def command_parameters(function: Callable[..., Any]) -> Iterator[Parameter]:
    """Yield the arguments and options of a command's function, in order."""
    for name, parameter in inspect.signature(function, eval_str=True).parameters.items():
        hint = parameter.annotation
        infos = [
            one
            for one in getattr(hint, "__metadata__", ())
            if isinstance(one, ArgumentInfo | OptionInfo)
        ]
        if not infos or infos[0].hidden:
            continue
        info = infos[0]
        kind = typing.get_args(hint)[0]
        is_option = isinstance(info, OptionInfo)
        yield Parameter(
            names=_names(name, info, is_option=is_option),
            meaning=_cell((info.help or "").partition(CHOICES)[0]),
            values=_values(kind, info) if is_option else "",
            default=_shown(parameter.default, info),
            panel=info.rich_help_panel or "",
        )


def _names(name: str, info: ArgumentInfo | OptionInfo, *, is_option: bool) -> str:
    if not is_option:
        return f"`{info.metavar or name.upper()}`"
    return ", ".join(f"`{one}`" for one in _declared(info) or ["--" + name.replace("_", "-")])


def _declared(info: ArgumentInfo | OptionInfo) -> list[str]:
    # In an annotation Typer's first argument, "default", is the first spelling.
    spellings = (info.default, *(info.param_decls or ()))
    return [one for one in spellings if isinstance(one, str) and one.startswith("-")]


def _values(kind: Any, info: ArgumentInfo | OptionInfo) -> str:  # noqa: ANN401 - any type hint
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        kind = next(one for one in typing.get_args(kind) if one is not type(None))
    if typing.get_origin(kind) is list:
        kind = typing.get_args(kind)[0]
    if typing.get_origin(kind) is Literal:
        return ", ".join(f"`{one}`" for one in typing.get_args(kind))
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return ", ".join(f"`{one.value}`" for one in kind)
    if kind is bool:
        return ""
    return info.metavar or {int: "integer", float: "number", Path: "path"}.get(kind, "text")


def _shown(default: Any, info: ArgumentInfo | OptionInfo) -> str:  # noqa: ANN401 - any default
    if isinstance(info.show_default, str):
        return info.show_default
    if default is inspect.Parameter.empty:
        return "(required)"
    if default is None or default in ((), []):
        return ""
    if isinstance(default, bool):
        sides = next((one.split("/") for one in _declared(info) if "/" in one), None)
        return f"`{sides[0] if default else sides[1]}`" if sides else ""
    value = default.value if isinstance(default, enum.Enum) else default
    return f"`{value}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def command_functions() -> dict[str, Callable[..., Any]]:
    """Return the commands in the order of `maskprep --help`."""
    named: dict[str, Callable[..., Any]] = {}
    for command in app.registered_commands:
        assert command.callback is not None
        named[command.name or command.callback.__name__.replace("_", "-")] = command.callback
    for group in app.registered_groups:
        assert group.name is not None
        assert group.typer_instance is not None
        named[group.name] = group.typer_instance.info.callback
        for command in group.typer_instance.registered_commands:
            assert command.callback is not None
            named[f"{group.name} {command.name}"] = command.callback
    return named


def cli_page() -> str:
    """Return cli.md."""
    parts = [HEAD + "# Commands\n", "| command | |", "| --- | --- |"]
    functions = command_functions()
    for name, function in functions.items():
        text = _cell((inspect.getdoc(function) or "").splitlines()[0])
        parts.append(f"| [`maskprep {name}`](#maskprep-{name.replace(' ', '-')}) | {text} |")
    parts.append(
        "\n`maskprep --version` prints the version, `maskprep COMMAND --help` what stands here."
    )
    for name, function in functions.items():
        parts.append(f"\n## maskprep {name}\n\n{_prose(function)}")
        panels: dict[str, list[Parameter]] = {}
        for one in command_parameters(function):
            panels.setdefault(one.panel, []).append(one)
        for panel, ones in panels.items():
            parts.append(f"\n**{panel}**\n" if panel else "")
            parts += ["| | values | default | meaning |", "| --- | --- | --- | --- |"]
            parts += [one.row for one in ones]
    return "\n".join(parts) + "\n"


def _prose(function: Callable[..., Any]) -> str:
    # "\b" keeps a paragraph's lines in Typer's help; here such a paragraph is code.
    paragraphs = (inspect.getdoc(function) or "").replace("\f", "").split("\n\n")
    shown = []
    for paragraph in paragraphs:
        lines = paragraph.split("\n")
        if lines[0].strip() == "\b":
            shown.append("```\n" + "\n".join(lines[1:]) + "\n```")
        else:
            shown.append(paragraph)
    return "\n\n".join(shown).strip()


def columns_page() -> str:
    """Return columns.md."""
    forms = {form: schema.masked_schema(form) for form in typing.get_args(config.Columns)}
    ordered, packed = schema.examples_schema("sop"), schema.examples_schema("packed")
    divided = schema.examples_schema("segments")
    stages = {"documents": schema.DOCUMENTS, "pair": schema.EXAMPLES, "pair: sop": ordered}
    stages |= {"pack": packed, "pack: segments": divided}
    stages |= {f"mask: {form}": found for form, found in forms.items()}
    names = dict.fromkeys(name for found in stages.values() for name in found.names)
    parts = [
        HEAD + "# Columns\n",
        "A row of documents is a document, a row of examples is a pair or a packed sequence, a",
        "masked row is one of these and its targets. Lists are unpadded (but for",
        "`--pad-to-max`); no value is null.",
        "One row all the way:",
        "[how masking works](../explanation/masking.md#what-is-written).\n",
        "## Which stage writes which column\n",
        "| column | " + " | ".join(stages) + " |",
        "| --- |" + " --- |" * len(stages),
    ]
    for name in names:
        marks = ("x" if name in found.names else "" for found in stages.values())
        parts.append(f"| `{name}` | " + " | ".join(marks) + " |")
    parts.append(
        "\nThe forms of `mask` are those of pairs (`--objective nsp`). With `--objective sop` the "
        "label is `sentence_order_label`. Packed rows have `sequence_lengths` and no "
        "`document_id_b` and no label; they have `token_type_ids` (`segment_ids`) only with "
        "`--two-segments-prob`."
        "\n\n`tokenize --id-column NAME` adds that column (string) to documents; "
        "`mask --keep NAME` carries a further column of the examples along, e.g. `word_starts`."
    )
    shared = [
        field
        for field in forms["loss-mask"]
        if all(field in found for found in map(list, forms.values()))
    ]
    parts += _columns_table("Documents: `tokenize`", schema.DOCUMENTS)
    parts += _columns_table("Examples: `pair`", schema.EXAMPLES)
    own = [field for field in ordered if field not in list(schema.EXAMPLES)]
    parts += _columns_table("Examples: `pair --objective sop`, besides", own)
    parts += _columns_table("Examples: `pack`", packed)
    own = [field for field in divided if field not in list(packed)]
    parts += _columns_table("Examples: `pack --two-segments-prob P`, besides", own)
    parts += _columns_table("Masked examples: `mask`, in every form", shared)
    for form, found in forms.items():
        own = [field for field in found if field not in shared]
        title = f"`mask --columns {form}`" + (" (default)" if form == "loss-mask" else "")
        parts += _columns_table(title, own)
    padded = [schema.masked_schema(form, padded=True) for form in forms]
    added = dict.fromkeys(
        field
        for form, found in zip(forms.values(), padded, strict=True)
        for field in found
        if field not in list(form)
    )
    parts += _columns_table("`mask --pad-to-max`, besides", added)
    parts.append(PADDED)
    return "\n".join(parts) + "\n"


def _columns_table(title: str, columns: Iterable["pa.Field"]) -> Iterator[str]:
    yield from (f"\n## {title}\n", "| column | type | meaning |", "| --- | --- | --- |")
    for field in columns:
        dtype = str(field.type).replace("list<item: ", "list<").replace("float>", "float32>")
        yield f"| `{field.name}` | `{dtype}` | {_cell(field.metadata[b'meaning'].decode())} |"


COMMAND_OF_TABLE = {
    "corpus": "tokenize",
    "tokenization": "tokenize",
    "training": "train",
    "pairing": "pair",
    "packing": "pack",
    "masking": "mask",
    "shards": "mask",
}
"""Whose help describes the settings of a table."""


def option_of(field: str) -> str:
    """Return how the command line spells a field."""
    return OPTION_OF_FIELD.get(field, "--" + field.replace("_", "-"))


def config_page() -> str:
    """Return config.md."""
    options = {
        command: {one.names.split("`")[1]: one for one in command_parameters(function)}
        for command, function in command_functions().items()
    }
    parts = [
        HEAD + "# Settings\n",
        "Every setting has one name: field of `maskprep.config`, key of a TOML file, and (with",
        "dashes) option of the command line. `maskprep prepare --config run.toml` reads the file;",
        "an option on the command line wins over it.",
    ]
    for table, settings in TABLES.items():
        known = options[COMMAND_OF_TABLE[table]]
        parts += _settings_table(f"`[{table}]` ({settings.__name__})", settings, known)
    title = "On the command line only (RunConfig)"
    parts += _settings_table(title, config.RunConfig, options["prepare"])
    return "\n".join(parts) + "\n"


def _settings_table(title: str, settings: type, options: dict[str, Parameter]) -> Iterator[str]:
    documented = _field_docstrings(settings)
    yield from (f"\n## {title}\n", f"{(inspect.getdoc(settings) or '').splitlines()[0]}\n")
    yield from ("| key | option | default | meaning |", "| --- | --- | --- | --- |")
    for field in fields(settings):
        option = options.get(option_of(field.name))
        shown = "-" if option is None else f"`{option_of(field.name)}`"
        meaning = documented.get(field.name, "") if option is None else option.meaning
        default = _default_of(field)
        if settings is config.RunConfig and option is not None:
            default = option.default or "-"
        yield f"| `{field.name}` | {shown} | {default} | {meaning} |"


def _default_of(field: Field[Any]) -> str:
    value = field.default
    if value is MISSING or value is None or value == ():
        return "-"
    shown = {True: "true", False: "false"}.get(value) if isinstance(value, bool) else None
    return f"`{shown or (repr(value).replace(chr(39), chr(34)))}`"


def _field_docstrings(settings: type) -> dict[str, str]:
    """Return the strings that stand below fields, which Python itself forgets."""
    found: dict[str, str] = {}
    previous = ""
    for line in inspect.getsource(settings).splitlines():
        text = line.strip()
        if text.startswith('"""') and previous and text.endswith('"""'):
            found[previous] = _cell(text.strip('"'))
        name, colon, _ = text.partition(":")
        previous = name if colon and name.isidentifier() else ""
    return found


PAGES: dict[str, Callable[[], str]] = {
    "cli.md": cli_page,
    "columns.md": columns_page,
    "config.md": config_page,
}


def main() -> None:
    """Write all pages."""
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), encoding="utf-8")
        typer.echo(f"docs/reference/{name}")


if __name__ == "__main__":
    main()
