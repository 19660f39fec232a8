"""One row of a data set, made readable: tokens joined to text, what is predicted made visible.

    A: [CLS] the [MASK]{cat}##s{##s} sat [SEP] B: dog{they} slept [SEP]      predict: cat ##s they

Without colour a predicted token is `seen{original}`; in colour (`colour_row`) it is yellow where
masked, `they->dog` where replaced, green where kept.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Literal

from rich.text import Text

from maskprep.schema import IGNORED_LABEL
from maskprep.stages.measurement import TOKEN_COLUMNS

Row = Mapping[str, Any]
Role = Literal["text", "special", "masked", "replaced", "kept"]
Spelling = Literal["wordpiece", "byte-level", "metaspace"]

STYLES: dict[Role, str] = {
    "text": "",
    "special": "dim",
    "masked": "bold yellow",
    "replaced": "bold magenta",
    "kept": "bold green",
}
SEGMENT_STYLES = ("", "bright_blue")
_BORDER = "|"
_PREDICTED: tuple[Role, ...] = ("masked", "replaced", "kept")


@dataclass(frozen=True)
class Vocabulary:
    """What it takes to read ids."""

    token: Callable[[int], str | None]
    """The token of an id; None for an id without one."""
    special_ids: frozenset[int] = frozenset()
    mask_id: int | None = None
    spelling: Spelling | None = None
    """How tokens say where a space was; None: seen from the tokens of each row."""


@dataclass(frozen=True)
class DecodedToken:
    """One token as a reader sees it."""

    seen: str
    """What the model sees, without the mark of a space before it."""
    original: str
    role: Role
    spaced: bool
    """A space stands before it."""
    segment: int
    """0 and 1 are segments A and B; in packed rows, even and odd documents."""
    begins: str
    """What begins with this token: "A", "B", "|" for a further sentence or document, or ""."""


def decode_tokens(row: Row, vocabulary: Vocabulary) -> list[DecodedToken]:
    """Read one row of documents, examples or masked examples in any form of its columns.

    Args:
        row: whose columns fit one another (`stages.row_shape`).
        vocabulary: to read its ids with.
    """
    ids = _unpadded_ids(row)
    originals = _selected(row)
    tokens = [_token(i, vocabulary) for i in ids]
    targets = {at: _token(i, vocabulary) for at, i in originals.items()}
    spelling = vocabulary.spelling or _spelling([*tokens, *targets.values()])
    segments = _segments(row, len(ids))
    begins = _beginnings(row, segments)
    decoded: list[DecodedToken] = []
    for at, token in enumerate(tokens):
        seen, spaced = _spell(token, spelling)
        original = seen
        role: Role = "special" if ids[at] in vocabulary.special_ids else "text"
        if at in targets:
            role = _role(ids[at], originals[at], vocabulary.mask_id)
            original, original_spaced = _spell(targets[at], spelling)
            # A mask token carries no mark of a space; the token that it hides does.
            spaced = spaced if spelling == "wordpiece" else original_spaced
        after_special = not decoded or decoded[-1].role == "special"
        spaced = spaced or role == "special" or after_special
        decoded.append(DecodedToken(seen, original, role, spaced, segments[at], begins.get(at, "")))
    return decoded


def colour_row(row: Row, vocabulary: Vocabulary) -> Text:
    """Return a row for a terminal or HTML: masked, replaced, kept and segments in colours."""
    text = Text()
    tokens = decode_tokens(row, vocabulary)
    for token in tokens:
        if text and (token.spaced or token.begins):
            text.append(" ")
        if token.begins == _BORDER:
            text.append(f"{_BORDER} ", "dim")
        style = STYLES[token.role] or SEGMENT_STYLES[token.segment % 2]
        if token.role == "replaced":
            text.append(f"{token.original}\u2192", f"{style} strike")
        text.append(token.seen, style)
    for name, value in _ending(row, tokens):
        text.append("      ")
        text.append(f"{name}: ", "dim")
        text.append(value, "bold")
    return text


def plain_row(row: Row, vocabulary: Vocabulary) -> str:
    """Return a row without colour: `seen{original}` at each predicted token, "B:" before B."""
    parts = []
    tokens = decode_tokens(row, vocabulary)
    for token in tokens:
        if token.begins:
            parts.append(f" {token.begins}" + ("" if token.begins == _BORDER else ":"))
        predicted = token.role in _PREDICTED
        parts.append(" " if token.spaced or token.begins else "")
        parts.append(token.seen + (f"{{{token.original}}}" if predicted else ""))
    parts += [f"      {name}: {value}" for name, value in _ending(row, tokens)]
    return "".join(parts).lstrip(" ")


def colour_legend() -> Text:
    """Return one line that explains the colours."""
    return Text("   ").join(
        [
            Text("masked", STYLES["masked"]),
            Text.assemble(
                ("original\u2192", f"{STYLES['replaced']} strike"),
                ("replaced", STYLES["replaced"]),
            ),
            Text("kept but predicted", STYLES["kept"]),
            Text("segment A", SEGMENT_STYLES[0]),
            Text("segment B", SEGMENT_STYLES[1]),
            Text("special", STYLES["special"]),
        ]
    )


def plain_legend() -> str:
    """Return one line that explains `plain_row`."""
    return (
        "[MASK]{cat} masked   dog{cat} replaced   cat{cat} kept but predicted   "
        "A: B: segments   | next sentence or document"
    )


def _unpadded_ids(row: Row) -> list[int]:
    ids = _padded_ids(row)
    for name in ("attention_mask", "padding_mask"):
        if row.get(name) is not None:
            return ids[: sum(map(bool, row[name]))]
    return ids


def _padded_ids(row: Row) -> list[int]:
    return next(list(row[name]) for name in TOKEN_COLUMNS if row.get(name) is not None)


def _selected(row: Row) -> dict[int, int]:
    """Return the original id of each predicted position, ascending."""
    if row.get("loss_mask") is not None:
        pairs = zip(row["target_ids"], row["loss_mask"], strict=True)
        found = {at: target for at, (target, counts) in enumerate(pairs) if counts}
    elif row.get("labels") is not None:
        found = {at: i for at, i in enumerate(row["labels"]) if i != IGNORED_LABEL}
    else:
        found = {}
        for prefix in ("masked_lm", "mask"):
            positions: Sequence[int] = row.get(f"{prefix}_positions") or ()
            weights = row.get(f"{prefix}_weights") or [1.0] * len(positions)
            targets: Sequence[int] = row.get(f"{prefix}_ids") or ()
            for at, target, weight in zip(positions, targets, weights, strict=True):
                if weight:
                    found[at] = target
    return dict(sorted(found.items()))


def _segments(row: Row, num_tokens: int) -> list[int]:
    for name in ("token_type_ids", "segment_ids"):
        if row.get(name) is not None:
            return list(row[name])[:num_tokens]
    lengths = row.get("sequence_lengths") or [num_tokens]
    return [index for index, length in enumerate(lengths) for _ in range(length)][:num_tokens]


def _beginnings(row: Row, segments: list[int]) -> dict[int, str]:
    """Return what begins at which token: segments, or where there are none documents, sentences."""
    if row.get("token_type_ids") is None and row.get("segment_ids") is None:
        lengths = row.get("sentence_lengths") or row.get("sequence_lengths") or [len(segments)]
        return dict.fromkeys(accumulate(lengths[:-1]), _BORDER)
    return {
        at: "AB"[segment]
        for at, segment in enumerate(segments)
        if at == 0 or segment != segments[at - 1]
    }


def _token(token_id: int, vocabulary: Vocabulary) -> str:
    token = vocabulary.token(token_id)
    return f"<id {token_id}>" if token is None else token


def _role(seen: int, original: int, mask_id: int | None) -> Role:
    if seen == mask_id:
        return "masked"
    return "kept" if seen == original else "replaced"


def _spelling(tokens: list[str]) -> Spelling:
    if any(token.startswith("\u2581") for token in tokens):
        return "metaspace"
    # "\u0120" alone is also a letter of Maltese.
    if any(token.startswith("\u0120") for token in tokens) and not any(
        token.startswith("##") for token in tokens
    ):
        return "byte-level"
    return "wordpiece"


def _spell(token: str, spelling: Spelling) -> tuple[str, bool]:
    """Return a token's readable text and whether a space stands before it."""
    if spelling == "wordpiece":
        return _printable(token), not (token.startswith("##") and len(token) > len("##"))
    if spelling == "byte-level":
        token = _bytes_of(token).decode("utf-8", "backslashreplace")
    else:
        token = token.replace("\u2581", " ")
    spaced = token.startswith(" ")
    return _printable(token[1:] if spaced else token), spaced


def _printable(text: str) -> str:
    # A control character of the corpus must not reach the terminal.
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _byte_characters() -> Iterator[tuple[str, int]]:
    """Yield GPT-2's visible character of each byte (Radford et al. 2019, `encoder.py`)."""
    visible = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    invisible = 0
    for byte in range(256):
        if byte in visible:
            yield chr(byte), byte
        else:
            yield chr(256 + invisible), byte
            invisible += 1


_BYTE_OF = dict(_byte_characters())


def _bytes_of(token: str) -> bytes:
    if all(c in _BYTE_OF for c in token):
        return bytes(_BYTE_OF[c] for c in token)
    return token.encode("utf-8", "backslashreplace")  # a special or added token: plain text


def _ending(row: Row, tokens: list[DecodedToken]) -> Iterator[tuple[str, str]]:
    originals = [token.original for token in tokens if token.role in _PREDICTED]
    if originals:
        yield "predict", " ".join(originals)
    if row.get("next_sentence_label") is not None:
        yield "next sentence", "no" if row["next_sentence_label"] else "yes"
    if row.get("sentence_order_label") is not None:
        yield "sentence order", "swapped" if row["sentence_order_label"] else "original"
    padding = len(_padded_ids(row)) - len(tokens)
    if padding:
        yield "padding", f"{padding:,} tokens"
