"""What a tokenizer makes of each character, asked of the tokenizer itself.

A character is looked at when a text first has one of its block of 256 code points: the library
normalises it, and cuts it out of a text between known neighbours. So there is no second opinion
about Unicode; where neighbours could change what becomes of a character, its kind is REFERENCE.
"""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tokenizers
from numpy.typing import NDArray

from maskprep.encoders.scripts import unspaced_letters
from maskprep.kernels import characters as kinds
from maskprep.kernels.characters import BLOCK_SHIFT, NUM_CODE_POINTS, find_blocks

_BLOCK = 1 << BLOCK_SHIFT
_SURROGATES = range(0xD800, 0xE000)
_MOST_BYTES = int(kinds.LENGTH)
_JAMO = ((0x1100, 0x11FF), (0xA960, 0xA97F), (0xD7B0, 0xD7FF))
"""Hangul letters, which compose with one another."""


@dataclass(frozen=True)
class Character:
    """What becomes of a character: its kind, and its bytes or (of a word of its own) its id."""

    kind: int
    becomes: bytes = b""
    token_id: int = 0


DescribeCharacters = Callable[[Sequence[str]], list[Character]]


class CharacterTable:
    """The characters that texts have had so far.

    Attributes:
        table: uint32 [code points], as `kernels.characters` says.
        normalized: uint8 [bytes].
    """

    def __init__(self, describe: DescribeCharacters) -> None:
        """Take what describes characters."""
        self._describe = describe
        self._letters = unspaced_letters()
        self._known = np.zeros(NUM_CODE_POINTS >> BLOCK_SHIFT, np.bool_)
        self.table = np.zeros(NUM_CODE_POINTS, np.uint32)
        self.normalized = np.zeros(0, np.uint8)

    def learn(self, text: NDArray[np.uint8]) -> None:
        """Make sure that every character of a text is known.

        Args:
            text: uint8 [bytes], valid UTF-8.
        """
        used = np.zeros(self._known.size, np.bool_)
        find_blocks(text, used)
        for block in np.flatnonzero(used & ~self._known).tolist():
            self._learn_block(block * _BLOCK)
            self._known[block] = True

    def _learn_block(self, first: int) -> None:
        points = [p for p in range(first, first + _BLOCK) if p not in _SURROGATES]
        added = bytearray()
        for point, character in zip(points, self._describe(list(map(chr, points))), strict=True):
            value = character.kind
            if point < self._letters.size and self._letters[point]:
                value |= int(kinds.BEGINS_WORD)
            if character.token_id:
                value |= character.token_id << int(kinds.ID_SHIFT)
            else:
                place = self.normalized.size + len(added)
                value |= len(character.becomes) << int(kinds.LENGTH_SHIFT)
                value |= place << int(kinds.PLACE_SHIFT)
                added += character.becomes
            self.table[point] = value
        self.normalized = np.append(self.normalized, np.frombuffer(added, np.uint8))


def normalizer_steps(normalizer: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """Return the steps of a normaliser of tokenizer.json, one after the other."""
    if normalizer is None:
        return []
    if normalizer["type"] != "Sequence":
        return [normalizer]
    return [step for one in normalizer["normalizers"] for step in normalizer_steps(one)]


def is_decomposing(steps: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether a normaliser decomposes characters, and so reorders marks."""
    return any(
        step["type"] in ("NFD", "NFKD")
        or (step["type"] == "BertNormalizer" and _strips_accents(step))
        for step in steps
    )


def _strips_accents(bert: Mapping[str, Any]) -> bool:
    stripped = bert.get("strip_accents")
    return bool(bert.get("lowercase", True) if stripped is None else stripped)


def is_composing(steps: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether a normaliser composes characters with those before them."""
    return any(step["type"] in ("NFC", "NFKC") for step in steps)


def _is_unstable(character: str, becomes: str, *, decomposing: bool, composing: bool) -> bool:
    """Tell whether neighbours may change what a normaliser makes of a character.

    Only marks move or compose, and Hangul letters; a character that this Python does not know may
    be one.
    """
    category = unicodedata.category(character)
    if composing:
        point = ord(character)
        joins = any(first <= point <= last for first, last in _JAMO)
        return joins or category in ("Cn", "Mn", "Mc", "Me")
    moves = category == "Cn" or unicodedata.combining(character) != 0
    return decomposing and moves and becomes != ""


def _normalized(
    normalizer: tokenizers.normalizers.Normalizer | None, characters: Sequence[str]
) -> list[str]:
    if normalizer is None:
        return list(characters)
    return [normalizer.normalize_str(character) for character in characters]


def describe_for_words(
    backend: tokenizers.Tokenizer,
    steps: Sequence[Mapping[str, Any]],
    ids: Mapping[str, int],
    unknown: int,
) -> DescribeCharacters:
    """Return what tells the characters of a tokenizer with BERT's pre-tokenizer.

    Args:
        backend: the library's tokenizer.
        steps: of its normaliser; none that composes.
        ids: token -> id.
        unknown: id of the unknown token.
    """
    decomposing = is_decomposing(steps)

    def describe(characters: Sequence[str]) -> list[Character]:
        texts = _normalized(backend.normalizer, characters)
        cut = backend.pre_tokenizer.pre_tokenize_str("a".join(["", *texts, ""]))
        words = {first: (last, word) for word, (first, last) in cut}
        ends = {last for last, _ in words.values()}
        found = []
        place = 1
        for character, text in zip(characters, texts, strict=True):
            span = place, place + len(text)
            place += len(text) + 1
            unstable = _is_unstable(character, text, decomposing=decomposing, composing=False)
            found.append(
                Character(kinds.REFERENCE)
                if unstable or len(text.encode()) > _MOST_BYTES
                else _character_of_words(text, span, words, ends, ids, unknown)
            )
        return found

    return describe


def _character_of_words(
    text: str,
    span: tuple[int, int],
    words: Mapping[int, tuple[int, str]],
    ends: set[int],
    ids: Mapping[str, int],
    unknown: int,
) -> Character:
    """Read the kind of a character off how a text was cut, of which it became `span`."""
    first, last = span
    if not text:
        return Character(kinds.DROP)
    inside = [place for place in range(first, last) if place in words]
    goes_on = first not in words and first not in ends
    if not inside and goes_on and last not in ends and last not in words:
        return Character(kinds.WORD, text.encode())
    if not inside and text.isspace():
        return Character(kinds.SPACE)
    if len(inside) == 1 and not goes_on and words[inside[0]][0] == inside[0] + 1 <= last:
        token_id = ids.get(words[inside[0]][1], unknown)
        # An id of 0 cannot be told from no id; no tokenizer has one there but for a special token.
        return Character(kinds.ALONE, token_id=token_id) if token_id else Character(kinds.REFERENCE)
    return Character(kinds.REFERENCE)


def describe_for_bytes(
    backend: tokenizers.Tokenizer, steps: Sequence[Mapping[str, Any]]
) -> DescribeCharacters:
    """Return what tells the characters of a tokenizer with GPT-2's pattern.

    Args:
        backend: the library's tokenizer.
        steps: of its normaliser.
    """
    decomposing, composing = is_decomposing(steps), is_composing(steps)

    def describe(characters: Sequence[str]) -> list[Character]:
        texts = _normalized(backend.normalizer, characters)
        probe = "".join(f"a{text}1{text}!" for text in texts)
        borders = {first for _, (first, _) in backend.pre_tokenizer.pre_tokenize_str(probe)}
        found = []
        place = 0
        for character, text in zip(characters, texts, strict=True):
            start, place = place, place + 2 * len(text) + 3
            unstable = _is_unstable(character, text, decomposing=decomposing, composing=composing)
            kind = _kind_of_bytes(character, text, start, borders)
            if unstable or len(text.encode()) > _MOST_BYTES:
                kind = kinds.REFERENCE
            found.append(Character(kind, text.encode() if kind != kinds.REFERENCE else b""))
        return found

    return describe


def _kind_of_bytes(character: str, text: str, start: int, borders: set[int]) -> int:
    """Read the kind of a character off how `a{text}1{text}!` was cut, which begins at `start`."""
    if character == " " == text:
        return kinds.WHITE
    odd = (" " in text or "'" in text) and text != character
    mixed = len(text) > 1 and any(one.isascii() for one in text)
    if not text or odd or mixed:
        return kinds.REFERENCE
    size = len(text)
    inner = any(start + 1 + place in borders for place in range(1, size))
    if inner:
        return kinds.REFERENCE
    # Is there a border between a and text, text and 1, 1 and text, text and !
    places = (1, 1 + size, 2 + size, 2 + 2 * size)
    cut = "".join("|" if start + place in borders else "." for place in places)
    kinds_by_cut = {
        ".|||": kinds.LETTER,
        "|..|": kinds.NUMBER,
        "|||.": kinds.OTHER,
        "||||": kinds.WHITE,
    }
    return kinds_by_cut.get(cut, kinds.REFERENCE)
