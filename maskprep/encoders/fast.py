"""The library's ids at the speed of memory: kernels over raw bytes, the library where they stop.

What a kernel cannot encode exactly (a word or a line) it leaves out; the library encodes all of
that at once, and the tokens are put where they belong.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from maskprep.encoders.bytelevel import ByteLevelModel, why_not_bytelevel
from maskprep.encoders.characters import CharacterTable, normalizer_steps
from maskprep.encoders.reference import EncodedLines, ReferenceEncoder, line_portions
from maskprep.encoders.wordpiece import WordPieceModel, why_not_wordpiece
from maskprep.kernels.matches import find_matches
from maskprep.kernels.word_cache import LINE, unpack_tokens

PORTION_BYTES = 2**23
"""Text that is encoded at once: a batch of documents, as they are read."""
CACHE_LINES = 2**17
"""Of 64 bytes each."""
_SLACK = 8
"""Tokens that a kernel may write behind the last one."""
_MADE_BY_NFC = "K;`"
"""ASCII characters that NFC makes of others: of U+212A, U+037E, U+1FEF."""


class FastModel(Protocol):
    """A tokenizer's tables, and the kernel that encodes with them."""

    @property
    def characters(self) -> CharacterTable:
        """What the tokenizer does with each character."""

    def encode(
        self,
        text: NDArray[np.uint8],
        lines: NDArray[np.int64],
        cache: NDArray[np.uint64],
        tokens: NDArray[np.uint64],
        deferred: NDArray[np.int64],
    ) -> tuple[int, int]:
        """Encode lines; return how many tokens there are, and how many pieces are left out."""


def why_not_fast(content: Mapping[str, Any], *, parse_special_tokens: bool) -> str:
    """Return what of a tokenizer no kernel can do; "" if it can be encoded fast.

    Args:
        content: of tokenizer.json.
        parse_special_tokens: whether special tokens spelt in the text count as such.
    """
    steps = normalizer_steps(content["normalizer"])
    for token in matched_tokens(content, parse_special_tokens=parse_special_tokens):
        # What is looked for in normalised text may be spelt in other ways in the text itself.
        spelt_so = [step["type"] for step in steps] == ["NFC"] and token.isascii()
        if steps and not (spelt_so and not set(token) & set(_MADE_BY_NFC)):
            return f"its normalizer may change how {token!r} is found in text"
    kind = content["model"]["type"]
    if kind == "WordPiece":
        return why_not_wordpiece(content)
    return why_not_bytelevel(content) if kind == "BPE" else f"its model is {kind}"


def matched_tokens(content: Mapping[str, Any], *, parse_special_tokens: bool) -> list[str]:
    """Return the added tokens that the library looks for in text."""
    return [
        token["content"]
        for token in content["added_tokens"]
        if parse_special_tokens or not token["special"]
    ]


class FastEncoder:
    """Encodes lines with a kernel; see the module.

    Attributes:
        name: of the encoder, as manifests have it.
        tokenizer: what it encodes with.
    """

    name = "fast"

    def __init__(self, reference: ReferenceEncoder) -> None:
        """Make the tables of a tokenizer that `why_not_fast` has nothing against."""
        self.tokenizer = tokenizer = reference.tokenizer
        self._reference = reference
        is_wordpiece = tokenizer.content["model"]["type"] == "WordPiece"
        self._model: FastModel = (WordPieceModel if is_wordpiece else ByteLevelModel)(tokenizer)
        matched = matched_tokens(
            tokenizer.content, parse_special_tokens=tokenizer.parse_special_tokens
        )
        self._strings = [token.encode() for token in matched if token]
        self._cache = np.zeros((CACHE_LINES, LINE), np.uint64)
        # Kept from portion to portion: memory that is new costs more than what is written to it.
        self._tokens = np.empty(0, np.uint64)
        self._deferred = np.empty((0, 4), np.int64)

    def encode_lines(
        self,
        text: NDArray[np.uint8],
        line_starts: NDArray[np.int64],
        line_ends: NDArray[np.int64],
        needs_starts: NDArray[np.bool_] | None = None,
    ) -> EncodedLines:
        """Encode each line on its own, as `ReferenceEncoder.encode_lines` does.

        Args:
            text: uint8 [bytes], valid UTF-8.
            line_starts: int64 [lines], first byte of each.
            line_ends: int64 [lines], one past its last byte.
            needs_starts: ignored: `starts` cost nothing here.

        Raises:
            TokenizerError: the library cannot encode the text.
        """
        del needs_starts
        matched = self._lines_for_reference(text, line_starts, line_ends)
        portions = [
            self._encode_portion(
                text, line_starts[first:stop], line_ends[first:stop], matched[first:stop]
            )
            for first, stop in line_portions(line_starts, line_ends, PORTION_BYTES)
        ]
        return portions[0] if len(portions) == 1 else joined_lines(portions)

    def _lines_for_reference(
        self,
        text: NDArray[np.uint8],
        line_starts: NDArray[np.int64],
        line_ends: NDArray[np.int64],
    ) -> NDArray[np.bool_]:
        """Return bool [lines], true where an added token is spelt."""
        found = np.zeros(line_starts.size, np.bool_)
        if self._strings:
            begins = np.zeros(256, np.bool_)
            begins[[string[0] for string in self._strings]] = True
            strings = np.frombuffer(b"".join(self._strings), np.uint8)
            offsets = np.cumsum([0, *map(len, self._strings)], dtype=np.int64)
            find_matches(text, line_starts, line_ends, strings, offsets, begins, found)
        return found

    def _encode_portion(
        self,
        text: NDArray[np.uint8],
        starts: NDArray[np.int64],
        ends: NDArray[np.int64],
        matched: NDArray[np.bool_],
    ) -> EncodedLines:
        lines = np.empty((starts.size, 3), np.int64)
        lines[:, 0] = starts
        lines[:, 1] = np.where(matched, starts, ends)
        num_bytes = int((lines[:, 1] - starts).sum())
        self._model.characters.learn(text[starts.min() : ends.max()])
        self._make_room(num_bytes, starts.size)
        num_tokens, num_deferred = self._model.encode(
            text, lines, self._cache, self._tokens, self._deferred
        )
        encoded = EncodedLines(
            np.empty(num_tokens, np.int32),
            np.append(0, lines[:, 2]),
            np.empty(num_tokens, np.int32),
            np.empty(num_tokens, np.bool_),
        )
        unpack_tokens(self._tokens[:num_tokens], encoded.ids, encoded.starts, encoded.word_starts)
        deferred = self._deferred[:num_deferred]
        if matched.any():
            which = np.flatnonzero(matched)
            whole = np.stack([which, starts[which], ends[which], lines[which, 2]], axis=1)
            deferred = np.concatenate([deferred, whole])
            deferred = deferred[np.argsort(deferred[:, 0], kind="stable")]
        return self._completed(text, starts, encoded, deferred) if len(deferred) else encoded

    def _make_room(self, num_bytes: int, num_lines: int) -> None:
        needed = num_bytes + num_lines + _SLACK
        if self._tokens.size < needed:
            room = needed + needed // 4
            self._tokens = np.empty(room, np.uint64)
            # What is left out are lines, or words, which are at least two bytes apart.
            self._deferred = np.empty((room // 2 + num_lines, 4), np.int64)

    def _completed(
        self,
        text: NDArray[np.uint8],
        line_starts: NDArray[np.int64],
        encoded: EncodedLines,
        deferred: NDArray[np.int64],
    ) -> EncodedLines:
        """Put in what was left out: int64 [pieces, 4], line, span, tokens before it."""
        lines, starts, ends, before = (np.ascontiguousarray(deferred[:, c]) for c in range(4))
        pieces = self._reference.encode_lines(text, starts, ends)
        lengths = np.diff(pieces.offsets)
        places = np.repeat(before, lengths)
        inside = np.repeat(starts - line_starts[lines], lengths).astype(np.int32)
        added = np.bincount(lines, lengths, minlength=line_starts.size).astype(np.int64)
        return EncodedLines(
            np.insert(encoded.ids, places, pieces.ids),
            encoded.offsets + np.append(0, np.cumsum(added)),
            np.insert(encoded.starts, places, pieces.starts + inside),
            np.insert(encoded.word_starts, places, pieces.word_starts),
        )


def joined_lines(portions: list[EncodedLines]) -> EncodedLines:
    """Return the lines of some portions, one after the other."""
    if not portions:
        none = np.empty(0, np.int32)
        return EncodedLines(none, np.zeros(1, np.int64), none, np.empty(0, np.bool_))
    lengths = np.concatenate([np.diff(portion.offsets) for portion in portions])
    return EncodedLines(
        np.concatenate([portion.ids for portion in portions]),
        np.append(0, np.cumsum(lengths)),
        np.concatenate([portion.starts for portion in portions]),
        np.concatenate([portion.word_starts for portion in portions]),
    )
