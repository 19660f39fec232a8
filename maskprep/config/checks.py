"""What every class of settings asks of its fields, and how it refuses."""

from typing import get_args

from maskprep.errors import ConfigError

SEED_LIMIT = 2**64
LARGEST_COUNT = 2**63 - 1
"""Of rows, documents or bytes: columns and kernels count in int64."""
MOST_ROUNDS = 2**24 - 1
"""The counter of the random numbers has 24 bits for the epoch or the duplicate."""
LONGEST_ROW = 2**20
"""Tokens."""


def option_name(field: str) -> str:
    """Return the option of the command line that sets a field."""
    return "--" + field.replace("_", "-")


def require(ok: bool, field: str, value: object, expected: str) -> None:
    """Raise a ConfigError that says what is expected of a field, if its value is not."""
    if not ok:
        raise ConfigError(f"{option_name(field)} is {value!r}; expected {expected}.")


def require_count(
    field: str, value: int | None, *, most: int = LARGEST_COUNT, least: int = 1
) -> None:
    """Raise a ConfigError if a whole number is out of range; None stands for no number."""
    fits = value is None or least <= value <= most
    require(fits, field, value, f"a number between {least:,} and {most:,}")


def drop_repeats(settings: object, *fields: str) -> None:
    """Keep each value of a field that holds several once, as the second says nothing new."""
    for field in fields:
        object.__setattr__(settings, field, tuple(dict.fromkeys(getattr(settings, field))))


def require_choice(field: str, value: str, choices: object) -> None:
    """Raise a ConfigError if a value is none of a Literal's."""
    allowed = get_args(choices)
    require(value in allowed, field, value, "one of " + ", ".join(allowed))


def require_probability(field: str, value: float) -> None:
    """Raise a ConfigError if a value is no probability."""
    require(0.0 <= value <= 1.0, field, value, "a probability between 0 and 1")


def require_length(max_seq_length: int) -> None:
    """Raise a ConfigError if no row can be so long."""
    require(
        1 <= max_seq_length <= LONGEST_ROW,
        "max_seq_length",
        max_seq_length,
        f"a number of tokens between 1 and {LONGEST_ROW:,}",
    )


def require_seed(seed: int) -> None:
    """Raise a ConfigError if a value is no key of the random numbers."""
    require(0 <= seed < SEED_LIMIT, "seed", seed, "a number between 0 and 2^64 - 1")
