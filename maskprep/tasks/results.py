"""Counts of the stages as a manifest shows them: totals, rates, what was dropped or changed."""

from collections.abc import Mapping
from typing import Any

from maskprep.config import PackingConfig, PairingConfig
from maskprep.encoders.choosing import ChosenEncoder
from maskprep.tasks.records import Record

OTHER_SPLIT = "documents_in_other_split"
"""In the totals of tokenization, where the corpus is split: how many documents are not here."""


def tokenization_results(
    receipts: Mapping[str, Any], encoder: ChosenEncoder, *, is_split: bool
) -> Record:
    """Turn summed receipts of tokenization into totals and drops; say what encoded the text."""
    counts, read = dict(receipts["counts"]), receipts["read"]
    dropped = dict(read.get("dropped", {}))
    dropped["documents_without_tokens"] = counts.pop("documents_without_tokens", 0)
    changed = {
        "invalid_characters_replaced": read.get("replaced", 0),
        "line_cut": read.get("lines_cut", 0),
        "words_cut": counts.pop("words_cut", 0),
        "words_joined": counts.pop("words_joined", 0),
        "special_tokens_in_text": counts.pop("special_tokens_in_text", 0),
    }
    totals = {"text_bytes": read["text_bytes"], **counts}
    if is_split:
        totals[OTHER_SPLIT] = read["other_documents"]
    unknown = counts.get("unknown_tokens", 0) / max(counts.get("tokens", 0), 1)
    return {
        "encoder": encoder.record(),
        "totals": totals,
        "rates": {"unknown_tokens": round(unknown, 6)},
        "dropped": dropped,
        "changed": changed,
    }


def rejects_record(receipts: Mapping[str, Any], listed: Mapping[str, Any]) -> Record:
    """Say how many documents were skipped, cut or mended, and what `rejects.jsonl` lists.

    Args:
        receipts: sums of tokenization.
        listed: `listed` and `sha256`, of the file.
    """
    read = receipts["read"]
    total = sum(read["dropped"].values()) + read["replaced"] + read["lines_cut"]
    total += receipts["counts"]["documents_without_tokens"]
    return {"rejects": {"documents": total, **listed}}


def pairing_results(counts: Mapping[str, int], config: PairingConfig) -> Record:
    """Turn counts of pairing into totals, rates and drops."""
    labelled, rate = PAIR_LABELS[config.objective]
    return {
        "totals": {name: counts[name] for name in ("pairs", labelled, "tokens")},
        "rates": {rate: round(counts[labelled] / max(counts["pairs"], 1), 6)},
        "dropped": {
            name: counts[name]
            for name in ("tokens_trimmed", "tokens_unpaired", "documents_without_pair")
        },
        "changed": {
            "sentences_cut": counts["sentences_cut"],
            "random_tokens_trimmed": counts["random_tokens_trimmed"],
        },
    }


PAIR_LABELS = {"nsp": ("random_pairs", "random_next"), "sop": ("swapped_pairs", "swapped")}
"""What the label 1 says of pairs, by objective: its count in the totals, and its rate."""


def packing_results(counts: Mapping[str, int], config: PackingConfig) -> Record:
    """Turn counts of packing into totals, fill rate and what was cut; no token is dropped."""
    room = max(counts["rows"] * config.max_seq_length, 1)
    totals = ["rows", "sequences", "tokens"]
    rates = {"fill": round(counts["tokens"] / room, 6)}
    names = ["sentences_cut", "words_split"]
    if config.boundaries == "best-fit":
        names.append("documents_split")
    if config.two_segments_prob:
        totals.append("two_segment_rows")
        rates["two_segments"] = round(counts["two_segment_rows"] / max(counts["rows"], 1), 6)
        names += ["sentences_divided", "rows_undivided"]
    return {
        "totals": {name: counts[name] for name in totals},
        "rates": rates,
        "dropped": {},
        "changed": {name: counts[name] for name in names},
    }


def masking_results(counts: Mapping[str, int]) -> Record:
    """Turn counts of masking into totals and realised rates."""
    names = ("masked_tokens", "replaced_tokens", "kept_tokens")
    selected = sum(counts[name] for name in names)
    rates = {"selected": round(selected / max(counts["maskable_tokens"], 1), 6)}
    for name in names:
        rates[name.removesuffix("_tokens")] = round(counts[name] / max(selected, 1), 6)
    return {
        "totals": {**counts, "selected_tokens": selected},
        "rates": rates,
        "dropped": {},
        "changed": {name: counts[name] for name in ("rows_forced", "rows_cut", "predictions_cut")},
    }
