"""Byte-level BPE with GPT-2's words: the tables of `kernels.bytelevel` for a tokenizer."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tokenizers
from numpy.typing import NDArray

from maskprep.encoders.characters import CharacterTable, describe_for_bytes, normalizer_steps
from maskprep.encoders.loading import Tokenizer
from maskprep.kernels.bytelevel import (
    BYTE_IDS,
    MOST_SYMBOLS,
    NUM_DEFERRED,
    PREFIX,
    SCRATCH_ROWS,
    add_merges,
    encode_bytes,
)

STEPS = ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents")
"""Of normalisers: all of them treat each character alone, but for marks and Hangul letters."""


class ByteLevelModel:
    """Encodes words with tables made from a tokenizer.

    Attributes:
        characters: what the tokenizer does with each character.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Make the tables of a tokenizer that `why_not_bytelevel` has nothing against."""
        content = tokenizer.content
        model = content["model"]
        vocab: Mapping[str, int] = model["vocab"]
        describe = describe_for_bytes(tokenizer.backend, normalizer_steps(content["normalizer"]))
        self.characters = CharacterTable(describe)
        self._settings = np.zeros(BYTE_IDS + 256, np.int64)
        self._settings[PREFIX] = content["pre_tokenizer"].get("add_prefix_space", True)
        self._settings[BYTE_IDS:] = [vocab[letter] for letter in byte_alphabet()]
        rules = np.empty((len(model["merges"]), 3), np.int64)
        for rank, merge in enumerate(model["merges"]):
            left, right = merge.split(" ") if isinstance(merge, str) else merge
            rules[rank] = vocab[left], vocab[right], vocab[left + right]
        self._merges = np.zeros((1 << (2 * len(rules) + 2).bit_length(), 2), np.int64)
        add_merges(rules, self._merges)
        self._scratch = np.empty((SCRATCH_ROWS, MOST_SYMBOLS), np.int64)

    def encode(
        self,
        text: NDArray[np.uint8],
        lines: NDArray[np.int64],
        cache: NDArray[np.uint64],
        tokens: NDArray[np.uint64],
        deferred: NDArray[np.int64],
    ) -> tuple[int, int]:
        """Encode lines, as `encode_bytes` says; return how many tokens, how many deferred lines."""
        num_tokens = encode_bytes(
            text,
            lines,
            self.characters.table,
            self.characters.normalized,
            self._merges,
            self._settings,
            cache,
            tokens,
            deferred,
            self._scratch,
        )
        return num_tokens, int(self._settings[NUM_DEFERRED])


def why_not_bytelevel(content: Mapping[str, Any]) -> str:
    """Return what of a tokenizer.json with a BPE model the kernel cannot do; "" if nothing.

    Args:
        content: of tokenizer.json.
    """
    pre_tokenizer, model = content["pre_tokenizer"] or {}, content["model"]
    if pre_tokenizer.get("type") != "ByteLevel" or not pre_tokenizer.get("use_regex", True):
        shown = pre_tokenizer.get("type", "none")
        return f"its pre-tokenizer is {shown}{' without pattern' if shown == 'ByteLevel' else ''}"
    for step in normalizer_steps(content["normalizer"]):
        if step["type"] not in STEPS:
            return f"its normalizer has the step {step['type']}"
    for name in ("continuing_subword_prefix", "end_of_word_suffix", "ignore_merges", "dropout"):
        if model.get(name):
            return f"its model has {name}"
    if not all(letter in model["vocab"] for letter in byte_alphabet()):
        return "its vocabulary lacks some bytes"
    return ""


def byte_alphabet() -> list[str]:
    """Return the character that stands for each byte, in the order of bytes.

    Source: Radford et al. 2019, `bytes_to_unicode`: a byte that Latin-1 shows stands for itself,
    the others for the characters from U+0100 on.
    """
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in shown]
    stand_ins = {byte: chr(0x100 + number) for number, byte in enumerate(hidden)}
    alphabet = [stand_ins.get(byte, chr(byte)) for byte in range(256)]
    assert sorted(alphabet) == sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    return alphabet
