"""The hash that decides the split: its twin, white space, and its distribution on real text."""

import json
import lzma

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskprep.kernels.validation import HASHED_BYTES, HASHED_WORDS, hash_texts
from maskprep.list_columns import text_array

SPACES = "".join(chr(point) for point in range(0x3001) if chr(point).isspace()) + "\ufeff"


def hashes_of(texts):
    _, offsets, data = text_array(texts).buffers()
    words = np.full(HASHED_WORDS, 2**64 - 1, np.uint64)  # Whatever was there.
    hashes = np.empty(len(texts), np.uint64)
    hash_texts(np.frombuffer(data, np.uint8), np.frombuffer(offsets, np.int64), words, hashes)
    return hashes.tolist()


CHARACTERS = st.sampled_from("ab.\u00e9\u30fc\u5b57\u2026\u200b\U0001f600" + SPACES)


@given(st.lists(st.text(CHARACTERS, max_size=40)))
def test_the_kernel_agrees_with_its_twin(texts):
    assert hashes_of(texts) == [naive.hash_text(text) for text in texts]


@given(st.text(max_size=30), st.data())
def test_white_space_changes_nothing(text, data):
    spaces = st.text(st.sampled_from(SPACES), max_size=3)
    spaced = "".join(data.draw(spaces) + character for character in text) + data.draw(spaces)
    assert hashes_of([spaced]) == hashes_of([text])


@pytest.mark.parametrize("extra", [-1, 0, 1], ids=["shorter", "as long", "longer"])
def test_only_the_beginning_of_a_long_text_is_hashed(extra):
    text = " é" * (HASHED_BYTES // 2 - 4) + "x" * (8 + extra)
    changed = text[:-1] + "y"
    assert (hashes_of([text]) == hashes_of([changed])) is (extra == 1)
    assert hashes_of([text]) == [naive.hash_text(text)]


def test_one_changed_character_changes_half_of_the_bits():
    texts = [f"document number {number}" for number in range(2000)]
    pairs = zip(hashes_of(texts), hashes_of([f"{one}!" for one in texts]), strict=True)
    changed = np.array([(one ^ other).bit_count() for one, other in pairs])
    # Of 128,000 fair coins; five standard errors.
    assert abs(changed.mean() - 32) < 5 * 4 / np.sqrt(len(texts))


@pytest.mark.shared_data
def test_the_hashes_of_real_texts_are_uniform(shared_data):
    """Paragraphs of declarations in 195 languages fill 64 equal intervals evenly."""
    with lzma.open(shared_data / "text" / "udhr_a.jsonl.xz", "rt", encoding="utf-8") as file:
        lines = {
            "".join(line.split())
            for record in file
            for line in json.loads(record)["text"].splitlines()
        } - {""}
    hashes = np.array(hashes_of(sorted(lines)[::8]), np.uint64)
    assert hashes.size > 1500
    for shift in (58, 0):  # The highest bits decide; the lowest are as good.
        counts = np.bincount((hashes >> np.uint64(shift)).astype(np.int64) & 63, minlength=64)
        chi_square = ((counts - hashes.size / 64) ** 2 / (hashes.size / 64)).sum()
        # 63 degrees of freedom: above 120 once in 50,000 times.
        assert chi_square < 120
