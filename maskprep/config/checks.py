"""What every class of settings asks of its fields, and how it refuses."""

from typing import get_args

from maskprep.errors import ConfigError

SEED_LIMIT = 2**64


def option_name(field: str) -> str:
    """Return the option of the command line that sets a field."""
    return "--" + field.replace("_", "-")


def require(ok: bool, field: str, value: object, expected: str) -> None:
    """Raise a ConfigError that says what is expected of a field, if its value is not."""
    if not ok:
        raise ConfigError(f"{option_name(field)} is {value!r}; expected {expected}.")


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
        1 <= max_seq_length <= 2**20,
        "max_seq_length",
        max_seq_length,
        "a number of tokens between 1 and 1,048,576",
    )


def require_seed(seed: int) -> None:
    """Raise a ConfigError if a value is no key of the random numbers."""
    require(0 <= seed < SEED_LIMIT, "seed", seed, "a number between 0 and 2^64 - 1")
