"""Settings of masking: what is refused, and with which words."""

import pytest

from maskprep.cli.recipe_files import TABLES
from maskprep.config import CorpusConfig, MaskingConfig, RunConfig, TrainingConfig
from maskprep.errors import ConfigError
from maskprep.setting_types import field_types, is_of_type


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"unit": "span", "mlm_probability": 0.6}, "at most 0.5 with --unit span"),
        ({"unit": "ngram", "mlm_probability": (0.2, 0.6), "epochs": 2}, "at most 0.5 with --unit"),
        ({"max_ngram": 0}, "--max-ngram is 0; expected 1 to 100 words"),
        ({"max_ngram": 101}, "--max-ngram is 101; expected 1 to 100 words"),
        ({"selection": "some"}, "--selection is 'some'; expected one of exact, bernoulli"),
        ({"selection": "rounded", "unit": "span"}, "'rounded'; expected exact or bernoulli with"),
        ({"corrupt_per": "word"}, "--corrupt-per is 'word'; expected one of unit, token"),
        ({"replace_from": "text"}, "--replace-from is 'text'; expected one of uniform, unigram"),
        ({"replace_with": "same"}, "--replace-with is 'same'; expected one of any, other"),
        ({"never_mask": ("the", " ")}, "--never-mask is ' '; expected a word with visible"),
        ({"max_predictions": 0}, "--max-predictions is 0; expected a number between 1 and"),
        ({"mlm_probability": (0.3, 0.15)}, "--epochs is 1; expected 2 or more"),
        ({"epochs": 2**24}, "--epochs is 16777216; expected a number between 1 and 16,777,215"),
        ({"mlm_probability": (0.3, 0.0), "epochs": 2}, "--mlm-probability is 0.0; expected more"),
        ({"mlm_probability": (0.3, 1.5), "epochs": 2}, "--mlm-probability is 1.5; expected a"),
        ({"mlm_probability": (0.3, 0.2, 0.1), "epochs": 3}, "expected one share, or two"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        MaskingConfig(**settings)


COUNTS = [
    (kind, field)
    for kind in (*TABLES.values(), RunConfig)
    for field, hint in field_types(kind).items()
    if is_of_type(1, hint) and not is_of_type(1.5, hint)
]


@pytest.mark.parametrize("number", [-1, 10**30], ids=["negative", "huge"])
@pytest.mark.parametrize(
    ("kind", "field"), COUNTS, ids=[f"{kind.__name__}.{field}" for kind, field in COUNTS]
)
def test_every_whole_number_has_a_range(kind, field, number):
    with pytest.raises(ConfigError, match=rf"is {number}; expected .*[0-9]"):
        kind(**{field: number})


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        (MaskingConfig, "keep"),
        (MaskingConfig, "never_mask"),
        (MaskingConfig, "always_mask"),
        (TrainingConfig, "special_tokens"),
    ],
)
def test_what_is_given_twice_counts_once(kind, field):
    assert kind(**{field: ("b", "a", "b")}) == kind(**{field: ("b", "a")})


@pytest.mark.parametrize("share", [1.0, -0.1])
def test_what_is_held_out_is_less_than_everything(share):
    with pytest.raises(ConfigError, match="expected a share of the documents from 0 to below 1"):
        CorpusConfig(validation=share)


def test_the_rate_of_an_epoch():
    rising = MaskingConfig(mlm_probability=(0.1, 0.5), epochs=3)
    assert [rising.epoch_mlm_probability(e) for e in range(3)] == pytest.approx([0.1, 0.3, 0.5])
    constant = MaskingConfig(mlm_probability=0.15, epochs=3)
    assert {constant.epoch_mlm_probability(e) for e in range(3)} == {0.15}
