"""DOCUMENTS -> EXAMPLES: sentence pairs for next-sentence or sentence-order prediction.

Documents come as flat arrays that may be memory-mapped, because a random B can begin at any
sentence of the corpus; where it is found is the business of whoever implements `Negatives`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from maskprep.config import SWAPPED_SHARE, PairingConfig
from maskprep.errors import ConfigError
from maskprep.flat_documents import FlatDocuments, Partners
from maskprep.kernels import pairing as kernels
from maskprep.kernels import segments as segment_kernels
from maskprep.kernels.counter_rng import name_examples, probability_threshold
from maskprep.list_columns import arrow_array, list_column
from maskprep.schema import examples_schema

TOKENS_PER_BATCH = 2**20


class Negatives(Protocol):
    """The whole corpus, as far as random segments need it."""

    num_sentences: int

    def find(self, ranks: NDArray[np.int64], targets: NDArray[np.int64]) -> Partners:
        """Find segments that begin at the sentences of these ranks and hold the target tokens."""

    def copy(
        self, partners: Partners, destinations: NDArray[np.int64], gathered: NDArray[np.uint32]
    ) -> None:
        """Copy the segments' tokens to their destinations in `gathered`."""


@dataclass(frozen=True)
class PairLayout:
    """Special tokens around the segments, as the tokenizer's own template has them.

    Attributes:
        special_ids: int32 [specials], in order.
        num_specials: int64 [3], how many before A, between A and B, after B.
        types: int8 [5], token type of: before, A, between, B, after.
    """

    special_ids: NDArray[np.int32]
    num_specials: NDArray[np.int64]
    types: NDArray[np.int8]


@dataclass
class PairingCounts:
    """What became of the documents so far."""

    pairs: int = 0
    random_pairs: int = 0
    swapped_pairs: int = 0
    tokens: int = 0
    tokens_trimmed: int = 0
    random_tokens_trimmed: int = 0
    tokens_unpaired: int = 0
    documents_without_pair: int = 0


def max_pair_tokens(layout: PairLayout, config: PairingConfig) -> int:
    """Return how many tokens A and B may hold together.

    Raises:
        ConfigError: --max-seq-length leaves no room for two segments.
    """
    specials = layout.special_ids.size
    budget = config.max_seq_length - specials
    if budget < len(("A", "B")):
        raise ConfigError(
            f"--max-seq-length is {config.max_seq_length}; expected at least {specials + 2}: "
            f"{specials} special tokens and one token for each segment."
        )
    return budget


def pair_sentences(
    documents: FlatDocuments,
    negatives: Negatives,
    layout: PairLayout,
    config: PairingConfig,
    counts: PairingCounts,
    duplicate: int = 0,
) -> Iterator[pa.RecordBatch]:
    """Make sentence pairs of documents, in their order.

    Each pair depends on (seed, duplicate, document_id, its place in the document) and, for
    next-sentence prediction, on the corpus as the source of random segments. In a corpus of one
    document no pair is random. For sentence order, every pair is two segments that follow each
    other, half of the time swapped.

    Args:
        documents: what is paired.
        negatives: the whole corpus, these documents included.
        layout: special tokens around the segments.
        config: objective, lengths, probabilities, seed.
        counts: added to.
        duplicate: round of the random numbers: other pairs of the same documents.

    Yields:
        Examples of the objective, about `TOKENS_PER_BATCH` tokens at a time.

    Source: google-research/bert, create_pretraining_data.py; deviations are marked in
    `maskprep.kernels.pairing`.
    """
    settings = _kernel_settings(negatives.num_sentences, layout, config, duplicate)
    cursor = np.zeros(4, np.int64)
    unused = np.zeros(2, np.int64)
    plan_rows = max(TOKENS_PER_BATCH // config.max_seq_length, 1)
    plan = np.zeros((plan_rows, kernels.PLAN_COLUMNS), np.int64)
    if np.diff(documents.document_offsets).max(initial=0) == negatives.num_sentences:
        settings[kernels.RANDOM_THRESHOLD] = 0  # One document holds every sentence.
    while cursor[0] < documents.document_ids.size:
        num_pairs = kernels.plan_pairs(
            documents.word_starts,
            documents.sentence_offsets,
            documents.document_offsets,
            documents.document_ids,
            settings,
            cursor,
            plan,
            unused,
        )
        if num_pairs:
            rows = _assemble_pairs(plan[:num_pairs], documents, negatives, layout, settings, counts)
            schema = examples_schema(config.objective)
            yield pa.record_batch([rows[name] for name in schema.names], schema=schema)
    counts.documents_without_pair += int(unused[0])
    counts.tokens_unpaired += int(unused[1])


def _kernel_settings(
    num_sentences: int, layout: PairLayout, config: PairingConfig, duplicate: int
) -> NDArray[np.uint64]:
    settings = np.zeros(7, np.uint64)
    settings[kernels.BUDGET] = max_pair_tokens(layout, config)
    settings[kernels.SHORT_THRESHOLD] = probability_threshold(config.short_seq_prob)
    if config.objective == "nsp":
        settings[kernels.RANDOM_THRESHOLD] = probability_threshold(config.random_next_prob)
    else:
        settings[kernels.SWAP_THRESHOLD] = probability_threshold(SWAPPED_SHARE)
    settings[kernels.SEED] = config.seed
    settings[kernels.DUPLICATE] = duplicate
    settings[kernels.OTHER_SENTENCES] = num_sentences
    return settings


def _assemble_pairs(
    plan: NDArray[np.int64],
    documents: FlatDocuments,
    negatives: Negatives,
    layout: PairLayout,
    settings: NDArray[np.uint64],
    counts: PairingCounts,
) -> dict[str, pa.Array]:
    is_swapped = plan[:, kernels.IS_SWAPPED] == 1
    plan[is_swapped, kernels.A_START : kernels.B_STOP + 1] = plan[is_swapped][:, _B_THEN_A]
    a_segments = np.ascontiguousarray(plan[:, kernels.A_START : kernels.A_STOP + 1])
    a_offsets = _offsets(a_segments[:, 1] - a_segments[:, 0])
    a_tokens = np.empty(a_offsets[-1], np.uint32)
    documents.copy(a_segments, a_offsets[:-1].copy(), a_tokens)
    b_tokens, b_offsets, b_documents = _gather_b(plan, documents, negatives)
    document_ids = documents.document_ids[plan[:, kernels.DOCUMENT]]
    segments = np.empty((len(plan), 4), np.int64)
    places = np.ascontiguousarray(plan[:, kernels.PLACE])
    segment_kernels.trim_pairs(
        a_tokens, a_offsets, b_tokens, b_offsets, document_ids, places, settings, segments
    )
    is_random = plan[:, kernels.IS_RANDOM] == 1
    trimmed_b = np.diff(b_offsets) - (segments[:, 3] - segments[:, 2])
    counts.pairs += len(plan)
    counts.random_pairs += int(np.count_nonzero(is_random))
    counts.swapped_pairs += int(np.count_nonzero(is_swapped))
    counts.tokens_trimmed += int(a_offsets[-1] - (segments[:, 1] - segments[:, 0]).sum())
    counts.tokens_trimmed += int(trimmed_b[~is_random].sum())
    counts.random_tokens_trimmed += int(trimmed_b[is_random].sum())
    rows = _lay_out_rows(a_tokens, b_tokens, segments, layout)
    counts.tokens += int(rows["input_ids"].offsets[-1].as_py())
    example_ids = np.empty(len(plan), np.int64)
    name_examples(
        document_ids,
        places,
        settings[kernels.DUPLICATE],
        example_ids,
    )
    rows |= {
        "example_id": arrow_array(example_ids),
        "document_id": arrow_array(document_ids),
        "document_id_b": arrow_array(np.where(is_random, b_documents, document_ids)),
        "next_sentence_label": arrow_array(is_random.astype(np.int64)),
        "sentence_order_label": arrow_array(is_swapped.astype(np.int64)),
    }
    return rows


_B_THEN_A = [kernels.B_START, kernels.B_STOP, kernels.A_START, kernels.A_STOP]


def _offsets(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    offsets = np.zeros(lengths.size + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def _gather_b(
    plan: NDArray[np.int64], documents: FlatDocuments, negatives: Negatives
) -> tuple[NDArray[np.uint32], NDArray[np.int64], NDArray[np.int64]]:
    """Return B's tokens before trimming, their offsets, and the documents of random B's."""
    is_random = plan[:, kernels.IS_RANDOM] == 1
    random = plan[is_random]
    first = documents.document_offsets[random[:, kernels.DOCUMENT]]
    own = documents.document_offsets[random[:, kernels.DOCUMENT] + 1] - first
    ranks = random[:, kernels.B_RANK].copy()
    ranks += np.where(ranks >= first + documents.first_rank, own, 0)
    partners = negatives.find(ranks, np.ascontiguousarray(random[:, kernels.B_TARGET]))
    segments = np.ascontiguousarray(plan[:, kernels.B_START : kernels.B_STOP + 1])
    segments[is_random] = partners.segments
    offsets = _offsets(segments[:, 1] - segments[:, 0])
    tokens = np.empty(offsets[-1], np.uint32)
    documents.copy(segments[~is_random], offsets[:-1][~is_random], tokens)
    negatives.copy(partners, offsets[:-1][is_random], tokens)
    document_ids = np.zeros(len(plan), np.int64)
    document_ids[is_random] = partners.document_ids
    return tokens, offsets, document_ids


def _lay_out_rows(
    a_tokens: NDArray[np.uint32],
    b_tokens: NDArray[np.uint32],
    segments: NDArray[np.int64],
    layout: PairLayout,
) -> dict[str, Any]:
    lengths = segments[:, 1] - segments[:, 0] + segments[:, 3] - segments[:, 2]
    offsets = _offsets(lengths + layout.special_ids.size)
    input_ids = np.empty(offsets[-1], np.int32)
    token_type_ids = np.empty(offsets[-1], np.int8)
    word_starts = np.empty(offsets[-1], np.bool_)
    segment_kernels.lay_out_pairs(
        a_tokens,
        b_tokens,
        segments,
        layout.special_ids,
        layout.types,
        layout.num_specials,
        offsets,
        input_ids,
        token_type_ids,
        word_starts,
    )
    return {
        "input_ids": list_column(input_ids, offsets),
        "token_type_ids": list_column(token_type_ids, offsets),
        "word_starts": list_column(word_starts, offsets),
    }
