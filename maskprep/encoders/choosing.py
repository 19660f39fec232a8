"""Which encoder a tokenizer gets: the fastest that gives exactly the library's ids.

A fast encoder is tried on a text of many scripts, and on a run's own first documents, before it is
trusted; where it differs from the library, the library encodes everything.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskprep.config import EncoderChoice
from maskprep.encoders.fast import FastEncoder, why_not_fast
from maskprep.encoders.loading import Tokenizer
from maskprep.encoders.reference import ReferenceEncoder
from maskprep.encoders.remembering import RememberingEncoder, may_remember
from maskprep.errors import TokenizerError

Encoder = ReferenceEncoder | RememberingEncoder | FastEncoder

PROBE_BYTES = 2**16
"""Of a run's own text that is encoded twice; the library needs about 20 ms for it."""
PROBE = Path(__file__).with_name("probe.json")
"""Lines of many scripts, special tokens, odd white space, marks, long words."""


@dataclass(frozen=True)
class ChosenEncoder:
    """An encoder, and why it is no faster one.

    Attributes:
        encoder: to encode with.
        reference: the library's, to compare with.
        reason: why the tokenizer cannot be encoded fast; "" if it can.
        has_failed: the fast encoder differed from the library.
    """

    encoder: Encoder
    reference: ReferenceEncoder
    reason: str = ""
    has_failed: bool = False

    @property
    def name(self) -> str:
        """Of the encoder, as manifests have it."""
        return self.encoder.name

    def record(self) -> dict[str, str | bool]:
        """Return what a manifest says of the choice."""
        return {"name": self.name, "reason": self.reason, "has_failed": self.has_failed}

    def tried_on(
        self, text: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]
    ) -> "ChosenEncoder":
        """Compare with the library on some lines; return the library's encoder if they differ.

        Args:
            text: uint8 [bytes], valid UTF-8.
            starts: int64 [lines].
            ends: int64 [lines]; lines beyond PROBE_BYTES are left out.
        """
        if isinstance(self.encoder, ReferenceEncoder):
            return self
        count = int(np.searchsorted(np.cumsum(ends - starts), PROBE_BYTES, side="right"))
        lines = text, starts[:count].copy(), ends[:count].copy()
        found, expected = self.encoder.encode_lines(*lines), self.reference.encode_lines(*lines)
        same = all(
            np.array_equal(getattr(found, name), getattr(expected, name))
            for name in ("ids", "offsets", "starts", "word_starts")
        )
        if same:
            return self
        reason = "it gave other ids than the tokenizers library on a piece of text"
        return replace(self, encoder=self.reference, reason=reason, has_failed=True)


def choose_encoder(tokenizer: Tokenizer, wanted: EncoderChoice = "auto") -> ChosenEncoder:
    """Return the fastest encoder that gives exactly the library's ids, tried on a probe.

    Args:
        tokenizer: to encode with.
        wanted: "reference" asks for the library itself, "fast" for nothing slower than a kernel.

    Raises:
        TokenizerError: no kernel can encode what this tokenizer does, and "fast" was asked for.
    """
    parse = tokenizer.parse_special_tokens
    reference = ReferenceEncoder(tokenizer)
    if wanted == "reference":
        return ChosenEncoder(reference, reference, "--encoder reference asks for it")
    reason = why_not_fast(tokenizer.content, parse_special_tokens=parse)
    encoder = named_encoder(reference, _name(tokenizer.content, reason, parse=parse))
    chosen = ChosenEncoder(encoder, reference, reason)
    chosen = chosen.tried_on(*_flat(json.loads(PROBE.read_bytes())))
    if wanted == "fast" and chosen.reason:
        raise TokenizerError(
            f"--encoder fast cannot be used with {tokenizer.origin}: {chosen.reason}. Use "
            f"--encoder auto, which gives the same ids."
        )
    return chosen


def _name(content: dict[str, object], reason: str, *, parse: bool) -> str:
    if not reason:
        return FastEncoder.name
    remembers = may_remember(content, parse_special_tokens=parse)
    return RememberingEncoder.name if remembers else ReferenceEncoder.name


def named_encoder(reference: ReferenceEncoder, name: str) -> Encoder:
    """Return the encoder that `choose_encoder` has chosen, by its name.

    Args:
        reference: the library's encoder, which encodes what the other one leaves out.
        name: of the encoder.
    """
    if name == FastEncoder.name:
        return FastEncoder(reference)
    return RememberingEncoder(reference) if name == RememberingEncoder.name else reference


def _flat(lines: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    encoded = [line.encode() for line in lines]
    ends = np.cumsum([len(line) for line in encoded], dtype=np.int64)
    starts = ends - np.array([len(line) for line in encoded], np.int64)
    return np.frombuffer(b"".join(encoded), np.uint8), starts, ends
