"""Writes maskprep/stages/sentence_characters.txt: what the rules of sentences ask of characters.

    pip install icu4py==1.2.0 unicodedata2==17.0.1
    python tests/golden/regenerate_characters.py

Sentence_Break is what ICU is seen to do with each character between others; the general categories
and numeric types are those of the Unicode Character Database. Both must be of one version.
"""

import sys
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import unicodedata2
from icu4py.breakers import SentenceBreaker

TARGET = Path(__file__).parents[2] / "maskprep" / "stages" / "sentence_characters.txt"
UNICODE = "17.0.0"
HEAD = f"""\
# What the rules of sentences ask of characters: name, then code points, runs as first-last and
# first-last/step, hexadecimal. Unicode {UNICODE}. Written by tests/golden/regenerate_characters.py.
#
# Capitalised: classes of Sentence_Break (UAX #29); Extend has Format too, Paragraph is CR, LF, Sep.
# Others: what str.isspace, isalpha, isdecimal, isdigit, isnumeric, islower, isupper say of them.
#
# Unicode data (c) 1991-2025 Unicode, Inc., Unicode-3.0: https://www.unicode.org/license.txt
"""
CLASSES = {
    "Extend": "\u0301",
    "Paragraph": "\u2029",
    "Sp": " ",
    "Lower": "a",
    "Upper": "A",
    "OLetter": "\u4e00",
    "Numeric": "0",
    "ATerm": ".",
    "STerm": "!",
    "SContinue": ",",
    "Close": "(",
    "Other": "+",
}
FRAMES = [
    "A.{}",
    "A.{}a",
    "A.{}A",
    "A. {}b",
    "A. {} A",
    "A. {}A",
    "A.){}A",
    "{}.A",
    "a{} A",
    "A! {}b",
]
WIDTH = 100


def behaviours(characters: list[str]) -> list[tuple[int, ...]]:
    """Return for each character where ICU breaks after it has been put into each frame."""
    found: list[tuple[int, ...]] = [() for _ in characters]
    for frame in FRAMES:
        texts = [frame.format(character) for character in characters]
        pieces = iter(SentenceBreaker("\u2029".join(texts) + "\u2029", ""))
        for number, text in enumerate(texts):
            left = len(text) + 1
            while left:
                left -= len(next(pieces))
                found[number] += (left,)
    return found


def sentence_breaks() -> dict[str, list[int]]:
    """Return the code points of every class but Other."""
    known = dict(zip(behaviours(list(CLASSES.values())), CLASSES, strict=True))
    assert len(known) == len(CLASSES)
    points = [point for point in range(sys.maxunicode + 1) if not 0xD800 <= point < 0xE000]
    classes: dict[str, list[int]] = {name: [] for name in CLASSES if name != "Other"}
    for point, behaviour in zip(points, behaviours(list(map(chr, points))), strict=True):
        if known[behaviour] != "Other":
            classes[known[behaviour]].append(point)
    return classes


def python_classes(breaks: dict[str, list[int]]) -> dict[str, list[int]]:
    """Return the code points for which Python's methods are true, by that version of Unicode."""
    category = unicodedata2.category
    # UAX #29 takes these away from Lower and Upper: Georgian, what Extend has, title case.
    lower = {*breaks["Lower"], 0x345, *range(0x10D0, 0x10FB), *range(0x10FC, 0x1100)}
    upper = {*breaks["Upper"], *range(0x1C90, 0x1CBB), *range(0x1CBD, 0x1CC0)}
    tests: dict[str, Callable[[str], object]] = {
        # The white space and the separators of 1.0 to 17.0; U+001C ... U+001F only for Python.
        "space": lambda c: category(c) == "Zs" or unicodedata2.bidirectional(c) in ("WS", "B", "S"),
        "alpha": lambda c: category(c)[0] == "L",
        "decimal": lambda c: unicodedata2.decimal(c, None) is not None,
        "digit": lambda c: unicodedata2.digit(c, None) is not None,
        "numeric": lambda c: unicodedata2.numeric(c, None) is not None,
        "lower": lambda c: ord(c) in lower,
        "upper": lambda c: ord(c) in upper and category(c) != "Lt",
    }
    every = [chr(point) for point in range(sys.maxunicode + 1)]
    return {name: [ord(c) for c in every if test(c)] for name, test in tests.items()}


def runs(points: list[int]) -> Iterator[str]:
    """Yield runs of code points with equal steps between them."""
    i = 0
    while i < len(points):
        step = points[i + 1] - points[i] if i + 1 < len(points) else 1
        end = i + 1
        while step <= 2 and end < len(points) and points[end] - points[end - 1] == step:
            end += 1
        if end - i == 2 and step == 2:
            end = i + 1
        last = f"-{points[end - 1]:X}" if end - i > 1 else ""
        yield f"{points[i]:X}{last}" + ("/2" if step == 2 and last else "")
        i = end


def lines(name: str, points: list[int]) -> Iterator[str]:
    """Yield lines that all begin with the name."""
    line = name
    for run in runs(points):
        if len(line) + 1 + len(run) > WIDTH:
            yield line
            line = name
        line += f" {run}"
    yield line


def main() -> None:
    """Write the file."""
    assert unicodedata2.unidata_version == UNICODE
    breaks = sentence_breaks()
    named = {**breaks, **python_classes(breaks)}
    body = chain.from_iterable(lines(name, points) for name, points in named.items())
    TARGET.write_text(HEAD + "\n".join(body) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
