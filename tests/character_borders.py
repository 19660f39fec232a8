"""Sentence borders of strings, in characters: what tests read and compare."""

import sys

import numpy as np

from maskprep.kernels import sentence_characters as bits
from maskprep.stages.sentence_tables import sentence_tables
from maskprep.stages.sentences import split_sentences

METHODS = {
    str.isspace: bits.IS_SPACE,
    str.isalpha: bits.IS_ALPHA,
    str.isalnum: bits.IS_ALNUM,
    str.isdecimal: bits.IS_DECIMAL,
    str.isdigit: bits.IS_DIGIT,
    str.islower: bits.IS_LOWER,
    str.isupper: bits.IS_UPPER,
}


def flatten(texts):
    """Return uint8 [bytes] and int64 [texts, 2], first byte and one past the last."""
    encoded = [text.encode() for text in texts]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    data = np.frombuffer(b"".join(encoded), np.uint8)
    return data, np.ascontiguousarray(np.stack([ends[:-1], ends[1:]], axis=1))


def split_lines(texts, language="auto"):
    """Return for each text the characters at which further sentences begin."""
    data, lines = flatten(texts)
    num_sentences, starts = split_sentences(data, lines, language)
    borders = np.split(starts, np.cumsum(num_sentences)[:-1]) if texts else []
    found = []
    for first, of_line, stop in zip(lines[:, 0], borders, lines[:, 1], strict=True):
        assert of_line[0] == first
        is_first_byte = np.append(data[first:stop] & 0xC0 != 0x80, True)
        assert is_first_byte[of_line - first].all()
        found.append((np.cumsum(is_first_byte)[of_line[1:] - first] - 1).tolist())
    return found


def characters_of_another_unicode():
    """Return the characters of which this Python says something else than our tables do."""
    mask = sum(int(bit) for bit in METHODS.values())
    ours = sentence_tables("auto").characters & mask
    return [
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if sum(int(bit) for says, bit in METHODS.items() if says(character)) != ours[ord(character)]
    ]
