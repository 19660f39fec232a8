"""The kernel that reads strings of JSON against a parser."""

import itertools
import json

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskprep.kernels.json_lines import extract_strings

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(["text", "tex", "texts", "t\u00e9xt", ""]) | st.text(max_size=5)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=4)
SPACES = st.sampled_from([(", ", ": "), (",", ":"), ("\t,\r ", " :  ")])


def extract(lines, key="text"):
    """Return the string of each line, or None where the kernel leaves it to a parser."""
    data = b"\n".join(lines)
    ends = np.cumsum([len(line) + 1 for line in lines]) - 1
    starts = ends - [len(line) for line in lines]
    out = np.empty(len(data), np.uint8)
    offsets = np.empty(len(lines) + 1, np.int64)
    is_read = np.empty(len(lines), np.bool_)
    extract_strings(
        np.frombuffer(data, np.uint8),
        np.frombuffer(data, np.uint64, len(data) // 8),
        starts.astype(np.int64),
        ends.astype(np.int64),
        np.frombuffer(key.encode(), np.uint8),
        out,
        offsets,
        is_read,
    )
    texts = [out[a:b].tobytes() for a, b in itertools.pairwise(offsets)]
    return [text.decode() if ok else None for text, ok in zip(texts, is_read, strict=True)]


def parsed(line, key="text"):
    """Return what the parser finds: a string, or None."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    text = value.get(key) if isinstance(value, dict) else None
    return text if isinstance(text, str) else None


@given(st.lists(st.tuples(OBJECTS, st.text(), SPACES, st.booleans()), min_size=1, max_size=3))
def test_whatever_is_read_is_what_a_parser_reads(rows):
    lines = []
    for value, text, separators, ascii_only in rows:
        whole = {"id": 1, **value, "text": text}
        dumped = json.dumps(whole, ensure_ascii=ascii_only, separators=separators)
        lines.append(dumped.encode("utf-8", "surrogatepass"))
    for line, found in zip(lines, extract(lines), strict=True):
        assert found is None or found == parsed(line)


@given(st.data())
def test_a_damaged_line_is_never_read_otherwise_than_by_a_parser(data):
    value = data.draw(OBJECTS)
    line = bytearray(json.dumps({"text": data.draw(st.text()), **value}).encode())
    place = data.draw(st.integers(0, len(line) - 1))
    kind = data.draw(st.sampled_from(["change", "drop", "cut"]))
    if kind == "change":
        line[place] = data.draw(st.sampled_from(list(b'"\\{}[],:0-.etu\0\n \x1f')))
    elif kind == "drop":
        del line[place]
    else:
        del line[place:]
    found = extract([bytes(line)])[0]
    assert found is None or found == parsed(bytes(line))


@pytest.mark.parametrize(
    "line",
    [
        b'{"text":"a"}',
        b'{ "id" : 12 , "text" : "a" }',
        b'{"a":[1,[2,{"b":[]}],{}],"text":"a","c":{"text":"b"}}',
        b'{"n":-1.5,"t":true,"f":false,"z":null,"text":"a"}',
        b'{"text":"b","text":"a"}',
        b'{"text":"\\u0061"}',
    ],
)
def test_ordinary_objects_are_read_without_a_parser(line):
    assert extract([line]) == ["a"]


def test_escapes_become_characters():
    spelt = rb'{"text":"\" \\ \/ \b\f\n\r\t \u00e9 \u4E2D \ud83d\ude00 \u0000"}'
    assert extract([spelt]) == ['" \\ / \b\f\n\r\t \u00e9 \u4e2d \U0001f600 \0']


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b'"text"',
        b"{}",
        b'{"text":null}',
        b'{"text":["a"]}',
        b'{"other":"a"}',
        b'{"te\\u0078t":"b","text":"a"}',
        b'{"text":"\\ud800"}',
        b'{"text":"\\ud800\\u0041"}',
        b'{"text":"\\udc00"}',
        b'{"text":"\\x"}',
        b'{"text":"a"} 1',
        b'{"text":"a",}',
        b'{"text":"a"',
        b'{"text":"a","b":01}',
        b'{"text":"a","b":1e5}',
        b'{"text":"a","b":' + b"1" * 16 + b"}",
        b'{"text":"a","b":' + b"[" * 62 + b"]" * 62 + b"}",
        b'{"text":"a","b":[1}}',
    ],
)
def test_what_is_rare_or_wrong_is_left_to_a_parser(line):
    assert extract([line, b'{"text":"next"}']) == [None, "next"]
