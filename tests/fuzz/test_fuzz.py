"""A few seconds of fuzzing; `python -m tests.fuzz` does more of it."""

import os

import pytest
from hypothesis import HealthCheck, given, settings

from fuzz.mutations import changed_copies
from fuzz.targets import SEEDS, TARGETS

EXAMPLES = int(os.environ.get("MASKPREP_FUZZ_EXAMPLES", "40"))


@pytest.mark.parametrize("name", TARGETS)
def test_only_own_errors_come_out(name, capfd):
    @settings(
        max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(changed_copies(SEEDS[name]))
    def run(data):
        TARGETS[name](data)

    run()
    capfd.readouterr()


@pytest.mark.parametrize("name", TARGETS)
def test_the_seeds_are_taken(name):
    for data in SEEDS[name]:
        TARGETS[name](data)
