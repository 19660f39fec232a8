"""WordPiece and BPE vocabularies from counted words: the alphabet, then merges."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import pre_tokenizers

from maskprep.config import TrainingConfig
from maskprep.encoders.building import CONTINUATION, special_tokens_of
from maskprep.errors import ConfigError
from maskprep.kernels.training import learn_merges

_CODE_POINTS = 0x110000


@dataclass(frozen=True)
class Merges:
    """A vocabulary and how its tokens are made."""

    tokens: list[str]
    """In the order of their ids: special tokens, alphabet, then as learned."""
    pairs: list[tuple[str, str]]
    """Tokens to join, first things first."""


def choose_alphabet(
    words: Sequence[str], counts: NDArray[np.int64], character_coverage: float
) -> list[str]:
    """Return the most frequent characters that cover a share of all, sorted by code point.

    Args:
        words: distinct words.
        counts: int64 [words].
        character_coverage: share of all occurrences; among equally frequent characters the one
            with the smaller code point comes first.
    """
    code_points, lengths = _code_points(words)
    occurrences = np.zeros(_CODE_POINTS, np.int64)
    np.add.at(occurrences, code_points, np.repeat(counts, lengths))
    seen = np.flatnonzero(occurrences)
    by_count = seen[np.argsort(-occurrences[seen], kind="stable")]
    covered = np.cumsum(occurrences[by_count])
    total = int(covered[-1]) if len(covered) else 0
    # The first character with which the share is reached is the last one taken.
    enough = np.searchsorted(covered, character_coverage * total, side="left") + 1
    return [chr(code) for code in sorted(by_count[:enough].tolist())]


def learn_vocabulary(
    words: Sequence[str], counts: NDArray[np.int64], config: TrainingConfig
) -> Merges:
    """Learn a WordPiece or BPE vocabulary.

    As in `tokenizers`, a character outside the alphabet is left out of its words and its
    neighbours become neighbours. Ids: special tokens; characters by code point; for WordPiece the
    continuing forms of those that continue a word, by code point; merges in the order learned.

    Args:
        words: distinct words, in byte-level characters for BPE.
        counts: int64 [words].
        config: kind of model, size, least frequency, coverage, special tokens.

    Raises:
        ConfigError: the vocabulary has no room for special tokens and alphabet.
    """
    if config.model == "bpe":
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    else:
        alphabet = choose_alphabet(words, counts, config.character_coverage)
    prefix = "" if config.model == "bpe" else CONTINUATION
    code_points, lengths = _code_points(words)
    starts = np.zeros(len(code_points), np.bool_)
    starts[(np.cumsum(lengths) - lengths)[lengths > 0]] = True
    continuing = _seen(code_points[~starts], alphabet) if prefix else []
    special = special_tokens_of(config)
    first = list(dict.fromkeys([*special, *alphabet, *(prefix + c for c in continuing)]))
    require_room(len(first), len(special), config)
    ids = {token: number for number, token in enumerate(first)}
    initial, following = (
        _table({c: ids[p + c] for c in alphabet if p + c in ids}) for p in ("", prefix)
    )
    symbols = np.where(starts, initial[code_points], following[code_points])
    return _merge(symbols, lengths, counts, first, prefix, config)


def require_room(num_first: int, num_special: int, config: TrainingConfig) -> None:
    """Check that a vocabulary can hold its first tokens.

    Raises:
        ConfigError: it cannot.
    """
    if num_first > config.vocab_size:
        raise ConfigError(
            f"--vocab-size is {config.vocab_size:,}, but {num_special:,} special tokens and "
            f"{num_first - num_special:,} tokens of single characters need {num_first:,}. Choose "
            f"a larger vocabulary, or fewer characters with --character-coverage "
            f"(now {config.character_coverage:g})."
        )


def _merge(
    symbols: NDArray[np.int32],
    lengths: NDArray[np.int64],
    counts: NDArray[np.int64],
    first: list[str],
    prefix: str,
    config: TrainingConfig,
) -> Merges:
    kept = np.concatenate([[0], np.cumsum(symbols >= 0)])
    offsets = kept[np.concatenate([[0], np.cumsum(lengths)])]
    strings = [token.encode() for token in first]
    found = learn_merges(
        np.ascontiguousarray(symbols[symbols >= 0]),
        np.ascontiguousarray(offsets, np.int64),
        counts,
        np.frombuffer(b"".join(strings), np.uint8),
        np.cumsum([0, *map(len, strings)], dtype=np.int64),
        len(prefix),
        config.vocab_size,
        config.min_frequency,
    )
    tokens = list(first)
    pairs = []
    for left, right, token in found.tolist():
        pairs.append((tokens[left], tokens[right]))
        if token == len(tokens):
            tokens.append(tokens[left] + tokens[right].removeprefix(prefix))
    return Merges(tokens, pairs)


def _code_points(words: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Return all characters, uint32 [characters], and each word's length, int64 [words]."""
    text = "".join(words).encode("utf-32-le")
    return np.frombuffer(text, "<u4"), np.fromiter(map(len, words), np.int64, len(words))


def _seen(code_points: NDArray[np.uint32], alphabet: list[str]) -> list[str]:
    present = np.zeros(_CODE_POINTS, np.bool_)
    present[code_points] = True
    return [character for character in alphabet if present[ord(character)]]


def _table(ids: dict[str, int]) -> NDArray[np.int32]:
    """Return int32 [code points], the id of each character or -1."""
    table = np.full(_CODE_POINTS, -1, np.int32)
    for character, number in ids.items():
        table[ord(character)] = number
    return table
