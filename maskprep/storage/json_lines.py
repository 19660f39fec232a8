"""Documents of JSON Lines: one object a line, the text in one of its values."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from maskprep.errors import CorpusError
from maskprep.kernels import documents as scan
from maskprep.list_columns import text_array
from maskprep.storage.blocks import Block, missing_column
from maskprep.storage.given_words import SEPARATOR
from maskprep.storage.rows import DocumentRows
from maskprep.storage.text import LONGEST_WHOLE_BYTES, BlockFile, TextRun, TextWindows


def read_json_lines(block: Block, rows: DocumentRows) -> Iterator[pa.RecordBatch]:
    """Yield the documents of the lines that begin in a block.

    Raises:
        CorpusError: a line is no JSON object with a string as text, and --on-invalid is error.
        ConfigError: an object lacks the text column, and --on-invalid is error.
    """
    with BlockFile(block) as file:
        lines = _Lines(file, rows)
        windows = TextWindows(
            file,
            block,
            scan.LINE,
            longest_whole=LONGEST_WHOLE_BYTES,
            may_cut=lines.refuse_long_line,
        )
        for run in windows.runs():
            yield from lines.parse(run)


class _Lines:
    """Parses lines, and says where one is wrong."""

    def __init__(self, file: BlockFile, rows: DocumentRows) -> None:
        self._file = file
        self._rows = rows
        self._column = rows.config.text_column
        self._takes_lists = rows.config.words == "list"
        self._is_strict = rows.config.on_invalid == "error"

    def refuse_long_line(self, position: int) -> bool:
        """Treat a line that is too long to be parsed as invalid."""
        self._rows.refuse_long(position, "the line", lambda: self._where(position))
        return False

    def parse(self, run: TextRun) -> Iterator[pa.RecordBatch]:
        """Yield the documents of some lines."""
        texts: list[str] = []
        ids: list[str] = []
        positions: list[int] = []
        for position, start, end in run.documents.tolist():
            value = self._object(run.data[start - run.offset : end - run.offset], position, start)
            if value is None or not self._has_text(value, position):
                continue
            text = value[self._column]
            texts.append(SEPARATOR.join(text) if self._takes_lists else text)
            positions.append(position)
            if self._rows.config.id_column is not None:
                ids.append(_as_name(value.get(self._rows.config.id_column)))
        column = text_array(texts).cast(pa.large_binary())
        names = pa.array(ids, pa.string()) if self._rows.config.id_column is not None else None
        # Strings of Python can take four times the memory of their bytes.
        value = None
        texts.clear()
        places = np.array(positions, np.int64)

        def locate(row: int, byte: int) -> tuple[str, int]:
            return self._where(positions[row]), byte + 1

        yield from self._rows.column_batches(column, places, names, locate)

    def _object(self, line: bytes, position: int, start: int) -> dict[str, Any] | None:
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            return self._mended(line, position, start, error)
        if isinstance(value, dict):
            return value
        self._drop(position, f"expected a JSON object, found {_kind(value)}", "invalid_json")
        return None

    def _mended(
        self, line: bytes, position: int, start: int, error: orjson.JSONDecodeError
    ) -> dict[str, Any] | None:
        try:
            text = line.decode()
        except UnicodeDecodeError as invalid:
            if self._is_strict:
                number, byte = self._file.line_at(start + invalid.start)
                where = f"{self._rows.source.shown_name}:{number}"
                raise self._rows.invalid_utf8(where, byte) from error
            if self._rows.config.on_invalid == "skip":
                self._rows.drop("invalid_utf8", position)
                return None
            text = line.decode(errors="replace")
        if self._rows.config.on_invalid == "replace":
            value = _with_replacements(text)
            if value is not None:
                self._rows.count_replaced(position)
                return value
        reason = f"not valid JSON ({error.msg}, character {error.colno})"
        if line in (b"[", b"{"):
            reason = "a JSON document over several lines (jq -c '.[]' or jq -c . makes lines of it)"
        self._drop(position, f"{reason}; expected one JSON object a line", "invalid_json")
        return None

    def _has_text(self, value: dict[str, Any], position: int) -> bool:
        if self._column not in value:
            if self._is_strict:
                error = missing_column(self._rows.source, self._column, value)
                raise type(error)(f"{self._where(position)}: {_behind_name(str(error))}")
            self._rows.drop("missing_text", position)
            return False
        text = value[self._column]
        if self._is_text(text):
            return True
        if text is None:
            self._rows.drop("null_text", position)
            return False
        reason = f"{self._column!r} is {_kind(text)}, expected a string"
        if self._takes_lists:
            reason = f"{self._column!r} is {_kind(text)}, expected a list of strings (--words list)"
        elif isinstance(text, list):
            reason += ". --words list takes lists of words"
        self._drop(position, reason, "invalid_text")
        return False

    def _is_text(self, value: object) -> bool:
        if self._takes_lists:
            return isinstance(value, list) and all(isinstance(one, str) for one in value)
        return isinstance(value, str)

    def _drop(self, position: int, reason: str, counted_as: str) -> None:
        if self._is_strict:
            raise CorpusError(
                f"{self._where(position)}: {reason}. Mend the line, or skip such documents with "
                f"--on-invalid skip."
            )
        self._rows.drop(counted_as, position)

    def _where(self, position: int) -> str:
        return f"{self._rows.source.shown_name}:{self._file.line_at(position)[0]}"


def _with_replacements(text: str) -> dict[str, Any] | None:
    """Parse what orjson refuses for its characters alone: lone surrogates become U+FFFD."""
    try:
        value = json.loads(text)
        whole = json.dumps(value, ensure_ascii=False, allow_nan=False)
        paired = whole.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        mended = orjson.loads(paired)
    except (ValueError, RecursionError):
        return None
    return mended if isinstance(mended, dict) else None


def _as_name(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _kind(value: object) -> str:
    if value is None:
        return "null"
    kinds = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list"}
    return kinds.get(type(value), "an object")


def _behind_name(message: str) -> str:
    return message[message.index("no column") :]
