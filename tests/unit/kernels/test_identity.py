"""Document ids."""

import numpy as np

from maskprep.kernels.counter_rng import philox_blocks
from maskprep.kernels.identity import hash_positions


def test_an_id_is_philox_of_name_and_position():
    positions = np.array([0, 5, 2**40 + 7], np.int64)
    name_hash = 0xFEDCBA9876543210
    ids = np.empty(3, np.int64)
    hash_positions(np.uint64(name_hash), positions, ids)
    counters = np.array(
        [[0, 1 << 24, p & 0xFFFFFFFF, p >> 32] for p in positions.tolist()], np.uint64
    )
    keys = np.array([[name_hash & 0xFFFFFFFF, name_hash >> 32]] * 3, np.uint64)
    words = np.empty((3, 4), np.uint64)
    philox_blocks(counters, keys, words)
    expected = [((int(b) << 32) | int(a)) & (2**63 - 1) for a, b, _, _ in words.tolist()]
    assert ids.tolist() == expected
    assert (ids >= 0).all()
