"""The bins of a data set: what they must be, and how much padding their batches need."""

from collections.abc import Iterator, Mapping
from typing import Any

from maskprep.length_bins import LengthBins
from maskprep.tasks.records import max_seq_length_of


def length_bins(record: Mapping[str, Any], bin_size: int | None) -> LengthBins | None:
    """Return the bins of examples; None: there are none.

    Args:
        record: of the examples, or of what is made of them; or a manifest.
        bin_size: as `ShardConfig` has it.
    """
    return None if bin_size is None else LengthBins(bin_size, max_seq_length_of(record))


def bin_faults(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield which shards are of no bin that the settings of a manifest call for."""
    size = manifest["settings"].get("bin_size")
    bins = length_bins(manifest, size)
    for number, shard in enumerate(manifest["shards"]):
        found = shard.get("bin")
        if bins is None and found is not None:
            yield f"shards[{number}].bin is {found}; settings.bin_size is not set"
        elif bins is not None and found is None:
            yield f"shards[{number}] has no bin; settings.bin_size is {size}"
        elif bins is not None and not bins.is_bin(found):
            yield f"shards[{number}].bin is {found}; no bin is called so with bin_size {size}"


def padding_shares(manifest: Mapping[str, Any]) -> dict[str, float]:
    """Return how much of all batches is padding, from 0 to 1.

    Returns:
        `to_bin`: if rows are padded to the longest length of their bin; `to_longest`: to the most
        tokens of any row, `longest`. Empty for a manifest without bins.
    """
    bins = manifest.get("bins")
    if not bins:
        return {}
    rows, tokens = (sum(one[name] for one in bins) for name in ("rows", "tokens"))
    longest = max_seq_length_of(manifest) or max(one["bin"] for one in bins)
    room = sum(one["rows"] * one["bin"] for one in bins)
    return {
        "to_bin": round(1.0 - tokens / max(room, 1), 6),
        "to_longest": round(1.0 - tokens / max(rows * longest, 1), 6),
        "longest": longest,
    }
