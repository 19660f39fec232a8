"""What `maskprep verify` prints: every fault, or what was found to be right."""

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rich.text import Text

from maskprep.cli.progress import readable_bytes
from maskprep.cli.report import open_console, padding_share, print_lines
from maskprep.cli.standard_streams import printable
from maskprep.config import SWAPPED_SHARE
from maskprep.errors import ShardError
from maskprep.storage.layout import DatasetLayout
from maskprep.storage.manifest import FORMAT_VERSION
from maskprep.tasks.rerun import reads_text
from maskprep.tasks.validation import has_validation, lacks_validation

if TYPE_CHECKING:
    from maskprep.stages.row_rules import RowTotals
    from maskprep.tasks.verification import Verification

Line = tuple[str, str]

_WITH_STRAYS = ("data/", "validation")
"""Beginnings of places where what is not of the data set is found."""


def report_verification(found: "Verification", *, as_json: bool, quiet: bool) -> None:
    """Print the report.

    Args:
        found: what was found.
        as_json: as one object, for programs.
        quiet: say nothing if nothing is wrong.
    """
    if as_json:
        sys.stdout.write(json.dumps(_described(found), ensure_ascii=False) + "\n")
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
    manifest = found.manifest
    settings = {entry["stage"]: entry["settings"] for entry in (*manifest["lineage"], manifest)}
    paired = settings.get("pair", {})
    asked = paired.get("random_next_prob")
    if "pack" in settings:
        length = settings["pack"].get("max_seq_length", 0)
        share = totals.tokens / max(totals.rows * length, 1)
        yield "packed", f"{share:.2%} full, {totals.sequences / max(totals.rows, 1):.2f} documents"
        wanted = settings["pack"].get("two_segments_prob")
        if wanted:
            share = totals.two_segment_rows / max(totals.rows, 1)
            yield "segments", f"two in {share:.1%} of the rows (asked for {wanted:.1%})"
    elif paired.get("objective") == "sop":
        share = totals.swapped_pairs / max(totals.rows, 1)
        yield "pairs", f"swapped in {share:.1%} (asked for {SWAPPED_SHARE:.1%})"
    elif manifest["stage"] != "tokenize":
        wanted = "" if asked is None else f" (asked for {asked:.1%})"
        yield "pairs", f"B random in {totals.random_pairs / max(totals.rows, 1):.1%}{wanted}"
    if manifest["stage"] == "mask":
        mask = manifest["settings"]
        share = totals.selected_tokens / max(totals.maskable_tokens, 1)
        asked = totals.expected_tokens / max(totals.maskable_tokens, 1)
        yield "selected", f"{share:.2%} of the tokens that may be (asked for {asked:.2%})"
        masked, replaced = mask["mask_replace_prob"], mask["random_replace_prob"]
        actions = {
            "masked": (totals.masked_tokens, masked),
            "replaced": (totals.other_tokens, replaced),
            "kept": (totals.same_tokens, max(1.0 - masked - replaced, 0.0)),
        }
        for name, (count, wanted_share) in actions.items():
            share = count / max(totals.selected_tokens, 1)
            yield name, f"{share:.2%} of these (asked for {wanted_share:.2%})"


def _described(found: "Verification") -> dict[str, Any]:
    totals = found.totals
    return {
        "folder": printable(str(found.folder)),
        "stage": found.manifest.get("stage"),
        "faults": [{"place": fault.place, "what": fault.what} for fault in found.faults],
        "repaired": list(found.repaired),
        "totals": None if totals is None else _counts(totals),
        "ids": None if found.ids is None else {"compared": found.ids[0], "equal": found.ids[1]},
        "validation": None if found.validation is None else _described(found.validation),
    }


def _counts(totals: "RowTotals") -> dict[str, int]:
    counts = {name: value for name, value in vars(totals).items() if isinstance(value, int)}
    return {**counts, "selected_tokens": totals.selected_tokens}
