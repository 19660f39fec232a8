"""Settings of masking: what is refused, and with which words."""

import pytest

from maskprep.config import MaskingConfig, TrainingConfig
from maskprep.errors import ConfigError


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
        ({"max_predictions": 0}, "--max-predictions is 0; expected at least 1"),
        ({"mlm_probability": (0.3, 0.15)}, "--epochs is 1; expected 2 or more"),
        ({"mlm_probability": (0.3, 0.0), "epochs": 2}, "--mlm-probability is 0.0; expected more"),
        ({"mlm_probability": (0.3, 1.5), "epochs": 2}, "--mlm-probability is 1.5; expected a"),
        ({"mlm_probability": (0.3, 0.2, 0.1), "epochs": 3}, "expected one share, or two"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        MaskingConfig(**settings)


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


def test_the_rate_of_an_epoch():
    rising = MaskingConfig(mlm_probability=(0.1, 0.5), epochs=3)
    assert [rising.epoch_mlm_probability(e) for e in range(3)] == pytest.approx([0.1, 0.3, 0.5])
    constant = MaskingConfig(mlm_probability=0.15, epochs=3)
    assert {constant.epoch_mlm_probability(e) for e in range(3)} == {0.15}
