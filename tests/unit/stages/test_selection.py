"""How many tokens of a row are selected where the number is rounded."""

import naive
import numpy as np
import pytest

from maskprep.stages.selection import rounded_counts


def count(probability, tokens, maskable):
    (found,) = rounded_counts(probability, np.array([tokens]), np.array([maskable]))
    return found


@pytest.mark.parametrize(
    ("length", "selected"), [(32, 5), (64, 10), (128, 19), (256, 38), (384, 58), (512, 77)]
)
def test_full_pairs_have_as_many_predictions_as_published(length, selected):
    assert count(0.15, length, length - 3) == selected


@pytest.mark.parametrize(("length", "selected"), [(10, 2), (30, 4), (50, 8), (70, 10), (90, 14)])
def test_a_half_goes_to_the_even_number(length, selected):
    assert count(0.15, length, length - 3) == selected


def test_there_is_one_at_least_and_no_more_than_there_are():
    assert count(0.01, 8, 5) == 1
    assert count(0.9, 8, 5) == 5
    assert count(0.15, 3, 0) == 0


@pytest.mark.parametrize("probability", [1e-9, 0.1, 0.15, 0.3, 1 / 3, 0.5, 0.7, 1.0])
def test_numbers_are_those_of_python(probability):
    lengths = np.arange(3, 2000)
    found = rounded_counts(probability, lengths, lengths - 3)
    expected = [naive.rounded_count(probability, n, n - 3) for n in lengths.tolist()]
    assert found.tolist() == expected
