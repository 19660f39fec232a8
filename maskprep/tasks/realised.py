"""What all rows of a data set show together, against the manifest's counts and settings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from maskprep.config import SWAPPED_SHARE, MaskingConfig
from maskprep.schema import PACKED_KINDS, ExampleKind
from maskprep.stages.rates import (
    SMALLEST_TOLERANCE,
    STANDARD_ERRORS,
    masking_rate_faults,
    row_rate_faults,
)
from maskprep.stages.row_rules import RowRules, RowTotals
from maskprep.stages.tokenization import MAX_WORD_TOKENS
from maskprep.stages.unit_lengths import unit_length_shares
from maskprep.tasks.journal import Receipt
from maskprep.tasks.records import Record, config_from, kind_of_record, settings_of_stage
from maskprep.tasks.results import PAIR_LABELS, masking_results


def realised_faults(
    manifest: Record, rules: RowRules, totals: RowTotals, receipts: Sequence[Receipt]
) -> Iterator[str]:
    """Compare counts and rates of all rows with the manifest and with what was asked for.

    Args:
        manifest: without faults of its own.
        rules: of the rows.
        totals: of all rows.
        receipts: of all shards.
    """
    if manifest["stage"] == "tokenize":
        yield from _document_faults(manifest, totals)
    elif manifest["stage"] == "pair":
        yield from _pair_faults(manifest, totals)
        yield from _balance_faults(manifest, totals.rows, _labelled(manifest, totals), receipts)
    elif manifest["stage"] == "pack":
        yield from _packing_faults(manifest, totals)
    else:
        yield from _masking_faults(manifest, rules, totals)
        yield from _epoch_faults(manifest, receipts)


def _differences(
    manifest: Record, group: str, found: Mapping[str, Any], of: str = "the rows hold"
) -> Iterator[str]:
    for name, value in found.items():
        said = manifest[group].get(name)
        if said != value:
            yield f"{group}.{name} is {_number(said)}; {of} {_number(value)}"


def _number(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return f"{value:,}" if isinstance(value, int | float) else repr(value)


def _document_faults(manifest: Record, totals: RowTotals) -> Iterator[str]:
    dropped = manifest["dropped"].get("documents_without_tokens", 0)
    found = {
        "documents": totals.documents + dropped,
        "sentences": totals.sentences,
        "tokens": totals.tokens,
        "unknown_tokens": totals.unknown_tokens,
    }
    yield from _differences(manifest, "totals", found)
    share = round(totals.unknown_tokens / max(totals.tokens, 1), 6)
    yield from _differences(manifest, "rates", {"unknown_tokens": share})


def _pair_faults(manifest: Record, totals: RowTotals) -> Iterator[str]:
    name, rate = PAIR_LABELS[_objective(manifest)]
    number = _labelled(manifest, totals)
    found = {"pairs": totals.rows, name: number, "tokens": totals.tokens}
    yield from _differences(manifest, "totals", found)
    share = round(number / max(totals.rows, 1), 6)
    yield from _differences(manifest, "rates", {rate: share})


def _objective(manifest: Record) -> str:
    return str(settings_of_stage(manifest, "pair").get("objective", "nsp"))


def _labelled(manifest: Record, totals: RowTotals) -> int:
    """Return how many pairs have the label 1."""
    return totals.swapped_pairs if _objective(manifest) == "sop" else totals.random_pairs


def _packing_faults(manifest: Record, totals: RowTotals) -> Iterator[str]:
    found = {"rows": totals.rows, "sequences": totals.sequences, "tokens": totals.tokens}
    room = totals.rows * int(manifest["settings"]["max_seq_length"])
    rates = {"fill": round(totals.tokens / max(room, 1), 6)}
    if kind_of_record(manifest) == "segments":
        divided = totals.two_segment_rows
        found["two_segment_rows"] = divided
        rates["two_segments"] = round(divided / max(totals.rows, 1), 6)
        yield from _segment_faults(manifest, totals.rows, divided)
    yield from _differences(manifest, "totals", found)
    yield from _differences(manifest, "rates", rates)


def _segment_faults(manifest: Record, rows: int, divided: int) -> Iterator[str]:
    """Compare the share of rows with two segments with the asked one.

    Rows of one word cannot be divided; how many they were, packing counted.
    """
    asked = settings_of_stage(manifest, "pack")["two_segments_prob"]
    entries = [*manifest.get("history", []), manifest]
    missing = sum(one.get("changed", {}).get("rows_undivided", 0) for one in entries)
    yield from row_rate_faults("rows of two segments", rows, divided, asked, missing)


def _balance_faults(
    manifest: Record, pairs: int, labelled: int, receipts: Sequence[Receipt]
) -> Iterator[str]:
    """Compare the share of random or swapped pairs with the asked one.

    A corpus of one document has no random ones: there is nowhere to take them from.
    """
    settings = settings_of_stage(manifest, "pair")
    if settings.get("objective") == "sop":
        yield from row_rate_faults("swapped pairs", pairs, labelled, SWAPPED_SHARE)
        return
    asked = settings.get("random_next_prob")
    ranges = [receipt["document_range"] for receipt in receipts if receipt["document_range"]]
    several = len({end for document_range in ranges for end in document_range}) > 1
    if asked is not None and (several or labelled):
        yield from row_rate_faults("random pairs", pairs, labelled, asked)


def _masking_faults(manifest: Record, rules: RowRules, totals: RowTotals) -> Iterator[str]:
    said = manifest["totals"]
    found = {
        "rows": totals.rows,
        "tokens": totals.tokens,
        "padding_tokens": totals.padding_tokens,
        "maskable_tokens": totals.maskable_tokens,
        "selected_tokens": totals.selected_tokens,
        "masked_tokens": totals.masked_tokens,
        "rows_without_maskable_tokens": totals.rows_without_maskable_tokens,
        "rows_without_selection": totals.rows_without_selection,
    }
    yield from _differences(manifest, "totals", found)
    counted = (
        *("masked_tokens", "replaced_tokens", "kept_tokens"),
        *("rows_forced", "rows_cut", "predictions_cut", "never_tokens", "always_tokens"),
    )
    missing = [name for name in counted if name not in said]
    if missing:
        yield f"totals lacks {', '.join(missing)}"
        return
    unmasked = said["replaced_tokens"] + said["kept_tokens"]
    if unmasked != totals.other_tokens + totals.same_tokens:
        yield (
            f"totals.replaced_tokens and totals.kept_tokens are {unmasked:,} together; the rows "
            f"hold {totals.other_tokens + totals.same_tokens:,}"
        )
    yield from _coincidence_faults(said["replaced_tokens"] - totals.other_tokens, rules, totals)
    summed = masking_results({"maskable_tokens": 0, **said})
    yield from _differences(manifest, "rates", summed["rates"], "the totals give")
    yield from _differences(manifest, "changed", summed["changed"], "the totals say")
    for name in ("rows_forced", "rows_cut"):
        if said[name] > totals.rows:
            yield f"totals.{name} is {said[name]:,}; there are {totals.rows:,} rows"
    yield from _cut_faults(said, rules, totals)
    unit_tokens = 1
    if rules.masking.unit != "token":
        unit_tokens = MAX_WORD_TOKENS * unit_length_shares(rules.masking).size
    added = said["rows_forced"] * unit_tokens
    is_rounded = rules.masking.selection == "rounded"
    lacking = said["never_tokens"] + said["always_tokens"] if is_rounded else 0
    totals = _with_listed(said, totals, is_rounded=is_rounded)
    # How often frequent tokens replace themselves is not known here.
    replaced = said["replaced_tokens"] if rules.masking.replace_from == "unigram" else None
    cut = said["predictions_cut"]
    yield from masking_rate_faults(totals, rules, added, cut, replaced, lacking)


def _with_listed(said: Record, totals: RowTotals, *, is_rounded: bool) -> RowTotals:
    """Return totals that expect what the lists of words leave, and all that is always selected.

    Every epoch has the same share of listed tokens. Rounded numbers are those of whole rows, if
    the lists leave so many tokens.
    """
    never, always = said["never_tokens"], said["always_tokens"]
    left = 1.0 if is_rounded else 1.0 - (never + always) / max(totals.maskable_tokens, 1)
    return replace(totals, expected_tokens=totals.expected_tokens * left + always)


def _cut_faults(said: Record, rules: RowRules, totals: RowTotals) -> Iterator[str]:
    """Check what can be known of rows that were cut, or hold no selected token."""
    most = rules.masking.max_predictions
    if most is None and (said["rows_cut"] or said["predictions_cut"]):
        yield "totals count rows that were cut; settings.max_predictions is not set"
    asks_for_all = rules.masking.selection != "bernoulli" and not rules.masking.never_mask
    if most is None and asks_for_all and totals.rows_without_selection:
        yield (
            f"{totals.rows_without_selection:,} rows have no selected token; expected one at "
            f"least with settings.selection {rules.masking.selection}"
        )


def _coincidence_faults(coincidences: int, rules: RowRules, totals: RowTotals) -> Iterator[str]:
    """Check how many replaced tokens look like kept ones, being replaced by themselves."""
    if rules.replacing is None:
        return
    pool = int(rules.replacing.sum())
    expected = totals.other_tokens / max(pool - 1, 1)
    if rules.masking.replace_with == "other" and pool > 1:
        expected = 0.0
    elif rules.masking.replace_from == "unigram":
        # How frequent the tokens are is not known here.
        expected = float(totals.same_tokens)
    allowed = STANDARD_ERRORS * expected**0.5 + SMALLEST_TOLERANCE
    if not 0 <= coincidences <= expected + allowed:
        yield (
            f"totals.replaced_tokens is {totals.other_tokens + coincidences:,}; the rows hold "
            f"{totals.other_tokens:,} that differ from the original, and at most "
            f"{expected + allowed:,.0f} may be replaced by themselves"
        )


COUNTED: dict[ExampleKind, tuple[str, ...]] = {
    "nsp": ("rows", "random_pairs"),
    "sop": ("rows", "swapped_pairs"),
    "packed": ("rows", "sequences"),
    "segments": ("rows", "sequences", "two_segment_rows"),
}
"""What every epoch of such examples has the same number of."""


def _epoch_faults(manifest: Record, receipts: Sequence[Receipt]) -> Iterator[str]:
    """Check that every epoch holds the same examples."""
    epochs = config_from(MaskingConfig, manifest["settings"]).epochs
    kind = kind_of_record(manifest)
    counts = [dict.fromkeys(COUNTED[kind], 0) for _ in range(epochs)]
    for receipt in receipts:
        epoch = receipt["epoch"]
        if epoch is None:
            continue
        if not 0 <= epoch < epochs:
            yield f"a shard holds epoch {epoch}; settings.epochs is {epochs}"
            return
        for name in counts[epoch]:
            counts[epoch][name] += receipt["totals"][name]
    first = counts[0]
    for epoch, found in enumerate(counts):
        for name in [one for one in found if found[one] != first[one]][:1]:
            yield (
                f"epoch {epoch} has {found[name]:,} {name.replace('_', ' ')}; epoch 0 has "
                f"{first[name]:,}"
            )
    if kind in PACKED_KINDS:
        if kind == "segments":
            yield from _segment_faults(manifest, first["rows"], first["two_segment_rows"])
        yield from _history_faults(manifest, "pack", first)
        return
    rows, labelled = first.values()
    yield from _balance_faults(manifest, rows, labelled, receipts)
    yield from _history_faults(
        manifest, "pair", {"pairs": rows, PAIR_LABELS[_objective(manifest)][0]: labelled}
    )


def _history_faults(manifest: Record, stage: str, found: Mapping[str, int]) -> Iterator[str]:
    """Compare an epoch with what was counted when its examples were made; rows come first.

    There may be more: shards that were named one by one bring no history.
    """
    entries = [one for one in manifest.get("history", []) if one["stage"] == stage]
    if not entries or manifest["settings"].get("limit") is not None:
        return
    for place, (name, number) in enumerate(found.items()):
        said = sum(entry["totals"].get(name, 0) for entry in entries)
        if number < said if place == 0 else number != said:
            yield f"history counts {said:,} {name.replace('_', ' ')}; an epoch holds {number:,}"
        if number != said:
            return
