"""Thrift's compact protocol, as far as Parquet's headers need it.

Source: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from collections.abc import Sequence

_I32, _I64, _BINARY, _LIST, _STRUCT = 5, 6, 8, 9, 12
_LONG_LIST = 15


class Struct:
    """One struct: fields are added by ascending number, then `bytes()` ends it."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._last = 0

    def i32(self, number: int, value: int) -> "Struct":
        """Add a number of 32 bits."""
        return self._field(number, _I32, varint(_zigzag(value)))

    def i64(self, number: int, value: int) -> "Struct":
        """Add a number of 64 bits."""
        return self._field(number, _I64, varint(_zigzag(value)))

    def text(self, number: int, value: str | bytes) -> "Struct":
        """Add bytes, or a text as UTF-8."""
        return self._field(number, _BINARY, _sized(value))

    def struct(self, number: int, value: "Struct") -> "Struct":
        """Add a struct."""
        return self._field(number, _STRUCT, bytes(value))

    def i32s(self, number: int, values: Sequence[int]) -> "Struct":
        """Add a list of numbers of 32 bits."""
        return self._list(number, _I32, [varint(_zigzag(value)) for value in values])

    def texts(self, number: int, values: Sequence[str]) -> "Struct":
        """Add a list of texts."""
        return self._list(number, _BINARY, [_sized(value) for value in values])

    def structs(self, number: int, values: Sequence["Struct"]) -> "Struct":
        """Add a list of structs."""
        return self._list(number, _STRUCT, [bytes(value) for value in values])

    def __bytes__(self) -> bytes:
        return bytes(self._data) + b"\0"

    def _list(self, number: int, kind: int, items: Sequence[bytes]) -> "Struct":
        if len(items) < _LONG_LIST:
            head = bytes([len(items) << 4 | kind])
        else:
            head = bytes([_LONG_LIST << 4 | kind]) + varint(len(items))
        return self._field(number, _LIST, head + b"".join(items))

    def _field(self, number: int, kind: int, value: bytes) -> "Struct":
        # Numbers ascend by at most 15 in all of Parquet's structs.
        self._data.append((number - self._last) << 4 | kind)
        self._data += value
        self._last = number
        return self


def varint(value: int) -> bytes:
    """Return a number that is not negative, seven bits a byte, the lowest first."""
    out = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def _sized(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return varint(len(data)) + data
