"""The files that make up a tokenizer: which they are, and reading them with clear errors."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskprep.errors import MachineError, TokenizerError

EXPECTED = (
    "Expected a tokenizer.json, a folder as transformers saves it, a BERT vocab.txt, or vocab.json "
    "with merges.txt beside it."
)
MAX_BYTES = 256 * 2**20
"""Far above the largest published tokenizer.json (about 35 MB), far below what fills a memory."""

_NAME = re.compile(r"(.*?)(tokenizer\.json|vocab\.txt|vocab\.json|merges\.txt)", re.DOTALL)


@dataclass(frozen=True)
class TokenizerFiles:
    """What was found at a path.

    Attributes:
        main: tokenizer.json, vocab.txt or vocab.json.
        merges: merges.txt, beside a vocab.json.
        prefix: what the names of all its files begin with: "gpt2." in gpt2.vocab.json.
    """

    main: Path
    merges: Path | None = None
    prefix: str | None = ""

    def companion(self, name: str) -> Path | None:
        """Return the file of this name that belongs to the tokenizer, if there is one."""
        if self.prefix is None:
            return None
        path = self.main.with_name(self.prefix + name)
        return path if path.is_file() else None


def find_tokenizer_files(path: Path) -> TokenizerFiles:
    """Tell by name and content what a path holds.

    Raises:
        TokenizerError: nothing is there, or no tokenizer.
    """
    if path.is_dir():
        for name in ("tokenizer.json", "vocab.txt", "vocab.json"):
            if (path / name).is_file():
                return find_tokenizer_files(path / name)
        raise TokenizerError(f"{path} holds no tokenizer. {EXPECTED}")
    if not path.exists():
        raise TokenizerError(f"{path}: no such file or folder. {EXPECTED}")
    match = _NAME.fullmatch(path.name)
    prefix, kind = match.groups() if match else (None, path.suffix)
    if kind in ("vocab.json", "merges.txt"):
        vocab, merges = (path.with_name(f"{prefix}{name}") for name in ("vocab.json", "merges.txt"))
        for needed in (vocab, merges):
            if not needed.is_file():
                raise TokenizerError(
                    f"{path} needs {needed.name} beside it; no such file. {EXPECTED}"
                )
        return TokenizerFiles(vocab, merges, prefix)
    return TokenizerFiles(path, None, prefix)


def read_text(path: Path) -> str:
    """Return what a file holds.

    Raises:
        TokenizerError: it is no UTF-8, or too large to be a tokenizer.
        MachineError: it cannot be read.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise TokenizerError(
                f"{path} has {size:,} bytes; expected a tokenizer, at most {MAX_BYTES:,} bytes."
            )
        return path.read_bytes().decode()
    except OSError as error:
        raise MachineError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise TokenizerError(
            f"{path} is no tokenizer: invalid UTF-8 at byte {error.start}. {EXPECTED}"
        ) from error


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        TokenizerError: it cannot be read or holds something else.
    """
    return parse_json(read_text(path), str(path))


def parse_json(text: str, origin: str) -> dict[str, Any]:
    """Return the JSON object in a text.

    Raises:
        TokenizerError: it is something else.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise TokenizerError(
            f"{origin}:{error.lineno}: no JSON ({error.msg.lower()}). {EXPECTED}"
        ) from error
    except (RecursionError, ValueError) as error:
        raise TokenizerError(
            f"{origin} is no tokenizer: JSON too deep or odd. {EXPECTED}"
        ) from error
    if not isinstance(value, dict):
        raise TokenizerError(
            f"{origin} is no tokenizer: JSON of another kind ({type(value).__name__}). {EXPECTED}"
        )
    return value
