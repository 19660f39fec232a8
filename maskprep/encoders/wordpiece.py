"""WordPiece with BERT's words: the tables of `kernels.wordpiece` for a tokenizer."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskprep.encoders.characters import CharacterTable, describe_for_words, normalizer_steps
from maskprep.encoders.loading import Tokenizer
from maskprep.kernels.characters import KIND, SPACE
from maskprep.kernels.trie import CONTINUING, FIRST_FREE, WHOLE, add_tokens
from maskprep.kernels.wordpiece import NUM_DEFERRED, PLAIN, UNK, encode_words

STEPS = ("BertNormalizer", "Lowercase", "NFD", "NFKD", "StripAccents")
"""Of normalisers: all of them treat each character alone, marks but for their order."""
_MOST_CHARACTERS = 2**16


class WordPieceModel:
    """Encodes words with tables made from a tokenizer.

    Attributes:
        characters: what the tokenizer does with each character.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Make the tables of a tokenizer that `why_not_wordpiece` has nothing against."""
        content = tokenizer.content
        model = content["model"]
        vocab: Mapping[str, int] = model["vocab"]
        unknown = vocab[model["unk_token"]]
        describe = describe_for_words(
            tokenizer.backend, normalizer_steps(content["normalizer"]), vocab, unknown
        )
        self.characters = CharacterTable(describe)
        self.characters.learn(np.arange(128, dtype=np.uint8))
        self._edges = _trie(vocab, model["continuing_subword_prefix"])
        self._settings = np.zeros(3, np.int64)
        self._settings[UNK] = unknown
        self._settings[PLAIN] = _has_plain_words(self.characters.table)
        self._scratch = np.empty((2, 4 * int(model["max_input_chars_per_word"])), np.int64)

    def encode(
        self,
        text: NDArray[np.uint8],
        lines: NDArray[np.int64],
        cache: NDArray[np.uint64],
        tokens: NDArray[np.uint64],
        deferred: NDArray[np.int64],
    ) -> tuple[int, int]:
        """Encode lines, as `encode_words` says; return how many tokens, how many deferred words."""
        num_tokens = encode_words(
            text,
            lines,
            self.characters.table,
            self.characters.normalized,
            self._edges,
            self._settings,
            cache,
            tokens,
            deferred,
            self._scratch,
        )
        return num_tokens, int(self._settings[NUM_DEFERRED])


def why_not_wordpiece(content: Mapping[str, Any]) -> str:
    """Return what of a tokenizer.json with a WordPiece model the kernel cannot do; "" if nothing.

    Args:
        content: of tokenizer.json.
    """
    pre_tokenizer = (content["pre_tokenizer"] or {}).get("type", "none")
    if pre_tokenizer != "BertPreTokenizer":
        return f"its pre-tokenizer is {pre_tokenizer}"
    for step in normalizer_steps(content["normalizer"]):
        if step["type"] not in STEPS:
            return f"its normalizer has the step {step['type']}"
    most = content["model"]["max_input_chars_per_word"]
    if not 0 < most <= _MOST_CHARACTERS:
        return f"its words have up to {most:,} characters"
    return ""


def _trie(vocab: Mapping[str, int], prefix: str) -> NDArray[np.int64]:
    """Return the edges of a vocabulary: tokens at the start of words, and behind the prefix."""
    further = {
        token.removeprefix(prefix): number
        for token, number in vocab.items()
        if token.startswith(prefix) and token != prefix
    }
    num_bytes = sum(len(token.encode()) for tokens in (vocab, further) for token in tokens)
    edges = np.zeros((1 << (2 * num_bytes).bit_length(), 2), np.int64)
    num_nodes = FIRST_FREE
    for root, tokens in ((WHOLE, vocab), (CONTINUING, further)):
        spelt = [token.encode() for token in tokens]
        offsets = np.cumsum([0, *map(len, spelt)], dtype=np.int64)
        text = np.frombuffer(b"".join(spelt), np.uint8)
        ids = np.fromiter(tokens.values(), np.int64, len(tokens))
        num_nodes = add_tokens(text, offsets, ids, root, num_nodes, edges)
    return edges


def _has_plain_words(table: NDArray[np.uint32]) -> bool:
    """Tell whether the ASCII characters of words are letters and digits."""
    inside = (table[:128] & KIND) < SPACE
    return all(
        inside[point] if chr(point).isalnum() else not inside[point] for point in range(0x20, 0x7F)
    )
