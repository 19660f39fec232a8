"""What `maskprep verify` prints: every fault, or what was found to be right."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import typer
from rich.text import Text

from maskprep.cli.progress import readable_bytes
from maskprep.cli.report import changed_lines, open_console, padding_share, print_lines
from maskprep.cli.standard_streams import printable
from maskprep.config import SWAPPED_SHARE
from maskprep.errors import ShardError
from maskprep.storage.layout import DatasetLayout
from maskprep.storage.manifest import FORMAT_VERSION
from maskprep.tasks.realised import COUNTED
from maskprep.tasks.records import kind_of_record, max_seq_length_of, setting_of
from maskprep.tasks.rerun import reads_text
from maskprep.tasks.validation import has_validation, lacks_validation

if TYPE_CHECKING:
    from maskprep.stages.row_rules import RowTotals
    from maskprep.tasks.records import Record
    from maskprep.tasks.verification import Verification

Line = tuple[str, str]

_WITH_STRAYS = ("data/", "validation")
"""Beginnings of places where what is not of the data set is found."""
_OF_MASKED = (
    *("padding_tokens", "maskable_tokens", "selected_tokens", "masked_tokens", "other_tokens"),
    *("same_tokens", "rows_without_maskable_tokens", "rows_without_selection"),
)
"""Counts of masked rows alone."""
_SHARES = {
    "unknown_tokens": ("unknown_tokens", "tokens"),
    "random_next": ("random_pairs", "rows"),
    "swapped": ("swapped_pairs", "rows"),
    "two_segments": ("two_segment_rows", "rows"),
    "selected": ("selected_tokens", "maskable_tokens"),
    "masked": ("masked_tokens", "selected_tokens"),
    "replaced": ("other_tokens", "selected_tokens"),
    "kept": ("same_tokens", "selected_tokens"),
}
"""Rates of a manifest, and what they are the quotient of."""


def report_verification(found: "Verification", *, as_json: bool, quiet: bool) -> None:
    """Print the report.

    Args:
        found: what was found.
        as_json: as one object, for programs.
        quiet: say nothing if nothing is wrong.
    """
    if as_json:
        typer.echo(json.dumps(_described(found), ensure_ascii=False))
        return
    for one in _with_validation(found):
        if one.faults or not quiet:
            _print_one(one)


def _with_validation(found: "Verification") -> list["Verification"]:
    return [found] if found.validation is None else [found, found.validation]


def _print_one(found: "Verification") -> None:
    console = open_console()
    number = len(found.faults)
    faults = "no fault" if number == 0 else f"{number:,} fault" + "s" * (number > 1)
    lines = [("repaired", place) for place in found.repaired]
    lines += [(fault.place, fault.what) for fault in found.faults]
    if not found.faults:
        lines += list(_sound(found))
    print_lines(console, f"verify {found.folder}: {faults}", lines)
    if found.faults and found.totals is None and found.receipts:
        console.print(
            Text("Counts and rates of all rows were not compared: some rows are missing.", "dim"),
            soft_wrap=True,
        )


def refuse_faults(found: "Verification", *, tried_repair: bool) -> None:
    """End with an error if there are faults.

    Raises:
        ShardError: says what to do about them.
    """
    broken = next((one for one in _with_validation(found) if one.faults), None)
    if broken is None:
        return
    number = len(broken.faults)
    faults = f"{number:,} fault" + "s" * (number > 1)
    raise ShardError(f"{broken.folder} has {faults}. {_advice(broken, tried_repair=tried_repair)}")


def _advice(found: "Verification", *, tried_repair: bool) -> str:
    manifest = found.manifest
    if manifest.get("format_version") != FORMAT_VERSION:
        return "Verify it with the maskprep that made it."
    if found.at("manifest.json"):
        return (
            "A manifest that is wrong cannot be repaired: run the command that made the data set "
            "again, with --overwrite."
        )
    expected = {f"data/{shard['name']}" for shard in manifest["shards"]}
    expected |= {"validation"} if has_validation(manifest) else set()
    strays = [
        one
        for one in found.faults
        if one.place.startswith(_WITH_STRAYS) and one.place not in expected
    ]
    if len(strays) == len(found.faults):
        return f"Move away what does not belong into {found.folder}: readers would read it."
    can_mend = reads_text(manifest) and lacks_validation(DatasetLayout(found.folder), manifest)
    only_validation = all(fault.place == "validation" for fault in found.faults)
    if only_validation and (tried_repair or not can_mend):
        return (
            f"Make the validation data again: the command that made the data set, with --split "
            f"validation --tokenizer {found.folder}/tokenizer --output {found.folder}/validation."
        )
    if tried_repair:
        return "A repair could not mend more."
    needs_input = found.broken_shards() or found.at("tokenizer") or found.at("validation")
    how, inputs = (", from what it was made from", " INPUT...") if needs_input else ("", "")
    return f"Repair it{how}: 'maskprep verify {found.folder} --repair{inputs}'."


def _sound(found: "Verification") -> Iterator[Line]:
    totals = found.totals
    assert totals is not None
    shards = found.manifest["shards"]
    size = readable_bytes(sum(shard["bytes"] for shard in shards))
    yield "shards", f"{len(shards):,} ({size}): bytes, pages, columns and rows are as written"
    if bins := found.manifest.get("bins"):
        yield "bins", f"{len(bins):,}; every row lies in that of its shard"
    yield "rows", f"{totals.rows:,}"
    yield "tokens", f"{totals.tokens:,}"
    if totals.padding_tokens:
        yield "padding", padding_share(vars(totals))
    yield "tokenizer", f"{found.manifest['tokenizer']['fingerprint'][:12]}, the one of the manifest"
    yield from _rates(found, totals)
    if found.ids is not None:
        ids, equal = found.ids
        kind = "documents" if found.manifest["stage"] == "tokenize" else "examples"
        yield "ids", f"{ids:,} {kind}, {equal:,} with the id of another"


def _rates(found: "Verification", totals: "RowTotals") -> Iterator[Line]:
    manifest, rates = found.manifest, _realised_rates(found.manifest, totals)
    if "pack" in (manifest["stage"], *(entry["stage"] for entry in manifest["lineage"])):
        full = f"{rates['fill']:.2%} full, " if "fill" in rates else ""
        yield "packed", f"{full}{totals.sequences / max(totals.rows, 1):.2f} documents"
    if "two_segments" in rates:
        wanted = setting_of(manifest, "pack", "two_segments_prob")
        yield "segments", f"two in {rates['two_segments']:.1%} of the rows (asked for {wanted:.1%})"
    if "swapped" in rates:
        yield "pairs", f"swapped in {rates['swapped']:.1%} (asked for {SWAPPED_SHARE:.1%})"
    if "random_next" in rates:
        asked = setting_of(manifest, "pair", "random_next_prob")
        wanted = "" if asked is None else f" (asked for {asked:.1%})"
        yield "pairs", f"B random in {rates['random_next']:.1%}{wanted}"
    if manifest["stage"] == "mask":
        asked = totals.expected_tokens / max(totals.maskable_tokens, 1)
        share = f"{rates['selected']:.2%} of the tokens that may be"
        yield "selected", f"{share} (asked for {asked:.2%})"
        settings = manifest["settings"]
        masked, replaced = settings["mask_replace_prob"], settings["random_replace_prob"]
        actions = {"masked": masked, "replaced": replaced, "kept": 1.0 - masked - replaced}
        for name, share in actions.items():
            yield name, f"{rates[name]:.2%} of these (asked for {max(share, 0.0):.2%})"
        cut = ("rows_cut", "predictions_cut")
        yield from changed_lines({name: manifest["changed"].get(name, 0) for name in cut})


def _realised_rates(manifest: "Record", totals: "RowTotals") -> dict[str, float]:
    """Return the rates that apply to the rows, named as in a manifest."""
    counts = _counts(manifest, totals)
    shares = {
        rate: (counts[name], counts[of]) for rate, (name, of) in _SHARES.items() if name in counts
    }
    length = max_seq_length_of(manifest)
    if "sequences" in counts and length is not None:
        shares["fill"] = totals.tokens, totals.rows * length
    return {name: round(count / max(of, 1), 6) for name, (count, of) in shares.items()}


def _counts(manifest: "Record", totals: "RowTotals") -> dict[str, int]:
    """Return the counts that apply to the rows."""
    if manifest["stage"] == "tokenize":
        names = ("rows", "tokens", "documents", "sentences", "unknown_tokens")
    else:
        of_kind = COUNTED[kind_of_record(manifest)]
        of_stage = _OF_MASKED if manifest["stage"] == "mask" else ("unknown_tokens",)
        names = ("tokens", *of_kind, *of_stage)
    return {name: getattr(totals, name) for name in names}


def _described(found: "Verification") -> dict[str, Any]:
    manifest, totals = found.manifest, found.totals
    return {
        "folder": printable(str(found.folder)),
        "stage": manifest.get("stage"),
        "faults": [{"place": fault.place, "what": fault.what} for fault in found.faults],
        "repaired": list(found.repaired),
        "totals": None if totals is None else _counts(manifest, totals),
        "rates": None if totals is None else _realised_rates(manifest, totals),
        "ids": None if found.ids is None else {"compared": found.ids[0], "equal": found.ids[1]},
        "validation": None if found.validation is None else _described(found.validation),
    }
