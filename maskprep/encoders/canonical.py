"""One text for one tokenizer: checked, and written alike whatever form it was read from."""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import tokenizers

from maskprep.encoders.files import parse_json
from maskprep.encoders.vocabularies import guarded, quiet_panics
from maskprep.errors import TokenizerError

MOST_GROWTH = 100
"""Published normalizers make three bytes of a space, at most."""
MAX_IDS = 2**26
"""Arrays over all ids must fit in memory; the largest published vocabularies have 2^20 tokens."""


def read_tokenizer(text: str, origin: str) -> tuple[tokenizers.Tokenizer, Any]:
    """Return the library's tokenizer, and the vocabulary as the text has it.

    Raises:
        TokenizerError: the text is no tokenizer.json.
    """
    fields = parse_json(text, origin)
    if fields and all(type(value) is int for value in fields.values()):
        raise TokenizerError(
            f"{origin} is a bare vocabulary. Name it vocab.json, with merges.txt beside it, or "
            f"export the tokenizer as tokenizer.json."
        )
    with quiet_panics():
        backend = guarded(origin, lambda: tokenizers.Tokenizer.from_str(text))
    growth = _growth(fields.get("normalizer"))
    if growth > MOST_GROWTH:
        raise TokenizerError(
            f"{origin} has a normalizer that can make {growth:,.0f} bytes of one; expected at most "
            f"{MOST_GROWTH}. Take Replace steps out of it, or choose another tokenizer."
        )
    normalizer = backend.normalizer
    if normalizer is not None:
        # Some damage shows only in use: better here than in the middle of a run.
        with quiet_panics():
            guarded(origin, lambda: normalizer.normalize_str("A word."))
    backend.no_truncation()
    backend.no_padding()
    return backend, fields["model"].get("vocab")


def _growth(normalizer: Any) -> float:  # noqa: ANN401 - any JSON value
    """Return how many times as long a text can become by what a normalizer puts in."""
    if not isinstance(normalizer, dict):
        return 1.0
    steps = normalizer.get("normalizers")
    if isinstance(steps, list):
        return math.prod(_growth(step) for step in steps)
    put_in = len(str(normalizer.get("content", "")).encode())
    if normalizer.get("type") != "Replace":
        return 1.0
    pattern = normalizer.get("pattern")
    found = pattern.get("String") if isinstance(pattern, dict) else None
    if found is None:  # A regular expression may match nothing, between any two characters.
        return 1.0 + put_in
    return max(1.0, put_in / max(len(str(found).encode()), 1))


def checked_vocabulary(backend: tokenizers.Tokenizer, origin: str) -> dict[str, int]:
    """Return token -> id, of the model and added.

    Raises:
        TokenizerError: there is none, or ids are too large or given twice.
    """
    vocab = guarded(origin, lambda: backend.get_vocab(with_added_tokens=True))
    if not vocab:
        raise TokenizerError(f"{origin} has an empty vocabulary. Train it, or choose another one.")
    largest = max(vocab.values())
    if largest >= MAX_IDS:
        raise TokenizerError(
            f"{origin} has a token with the id {largest:,}; expected ids below {MAX_IDS:,}. Export "
            f"the tokenizer again."
        )
    if len(set(vocab.values())) < len(vocab):
        _refuse_shared_id(vocab, origin)
    return vocab


def _refuse_shared_id(vocab: Mapping[str, int], origin: str) -> None:
    tokens: dict[int, str] = {}
    for token, number in sorted(vocab.items()):
        if number in tokens:
            raise TokenizerError(
                f"{origin} gives the id {number} to both {tokens[number]!r} and {token!r}; "
                f"expected one token an id. Export the tokenizer again."
            )
        tokens[number] = token


def canonical_json(
    backend: tokenizers.Tokenizer,
    vocab: Mapping[str, int],
    scores: Any,  # noqa: ANN401 - any JSON value
    special_tokens: Iterable[str],
    origin: str,
) -> str:
    """Return a tokenizer as canonical tokenizer.json.

    Args:
        backend: the library's tokenizer, without truncation and padding.
        vocab: token -> id, with added tokens.
        scores: a Unigram model's tokens and scores, as its file has them.
        special_tokens: are marked special, besides those that are.
        origin: for messages.

    Raises:
        TokenizerError: a WordPiece model without its token for unknown words.
    """
    fields = json.loads(guarded(origin, backend.to_str))
    if scores is not None and fields["model"]["type"] == "Unigram":
        # The library's reader is off by the last digit, so what it writes changes at each reading.
        fields["model"]["vocab"] = [[token, float(score)] for token, score in scores]
    if fields["model"].get("dropout") is not None:
        fields["model"]["dropout"] = None
    unk = fields["model"].get("unk_token")
    if fields["model"]["type"] == "WordPiece" and unk not in fields["model"]["vocab"]:
        raise TokenizerError(
            f"{origin} has no token for unknown words: {unk!r} is not in its vocabulary. Export "
            f"the tokenizer again, or choose another one."
        )
    added = {entry["content"]: entry for entry in fields["added_tokens"]}
    for token in special_tokens:
        fresh = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
        entry = added.setdefault(token, {"id": vocab[token], "content": token, **fresh})
        entry["special"] = True
    fields["added_tokens"] = sorted(added.values(), key=lambda entry: int(entry["id"]))
    return json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
