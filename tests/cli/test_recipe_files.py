"""Recipes: read, checked key by key, and overridden."""

import pytest

from maskprep.cli.recipe_files import (
    TABLES,
    RecipeSettings,
    describe_recipe,
    parse_recipe,
    read_recipe,
    read_recipe_file,
    recipe_names,
)
from maskprep.config import (
    CorpusConfig,
    MaskingConfig,
    PackingConfig,
    PairingConfig,
    TrainingConfig,
)
from maskprep.errors import ConfigError


def test_the_bert_recipe_is_the_papers():
    recipe = read_recipe("bert")
    assert recipe.training.model == "wordpiece"
    assert recipe.training.vocab_size == 30_522
    assert recipe.pairing == PairingConfig(512, 0.1, 0.5)
    assert recipe.masking == MaskingConfig(0.15, 0.8, 0.1)


def test_the_recipes_of_whole_words_are_bert_with_whole_words():
    bert, english, chinese = map(read_recipe, ("bert", "bert-wwm", "chinese-bert-wwm"))
    for recipe in (english, chinese):
        assert recipe.masking == MaskingConfig(0.15, 0.8, 0.1, unit="word")
        assert recipe.pairing == bert.pairing
    assert english.training == TrainingConfig(vocab_size=30_522, strip_accents=True)
    assert chinese.training.vocab_size == 21_128
    assert chinese.corpus.words == "spaces"


def test_the_recipes_of_replaced_token_detection_are_the_papers():
    electra, deberta, third = map(read_recipe, ("electra", "deberta", "deberta-v3"))
    assert electra.training == TrainingConfig(vocab_size=30_522, strip_accents=True)
    assert electra.packing == PackingConfig(128, 0.05, "document", two_segments_prob=0.9)
    assert electra.masking == MaskingConfig(0.15, 0.85, 0.0)
    assert deberta.packing == third.packing == PackingConfig(512, boundaries="cross")
    assert deberta.masking == MaskingConfig(unit="ngram", max_ngram=3, corrupt_per="token")
    assert third.masking == MaskingConfig(0.15, 1.0, 0.0)
    assert (third.training.model, third.training.vocab_size) == ("unigram", 128_100)


def test_every_recipe_reads():
    for name in recipe_names():
        assert isinstance(read_recipe(name), RecipeSettings)


def test_every_recipe_says_what_it_is_and_where_it_was_published():
    for name in recipe_names():
        title, source = describe_recipe(name)
        assert title, name
        assert len(title) <= 75, name
        assert "20" in source, name
        assert "\n" not in title + source, name


def test_what_is_left_out_has_its_default():
    recipe = parse_recipe("[training]\nvocab_size = 99", "a.toml")
    assert recipe == RecipeSettings(training=TrainingConfig(vocab_size=99))


def test_a_choice_that_may_be_left_out_is_checked():
    recipe = parse_recipe('[corpus]\nvalidation = 0.1\nsplit = "train"', "a.toml")
    assert recipe.corpus == CorpusConfig(validation=0.1, split="train")
    with pytest.raises(ConfigError, match=r'split in .* is 3; expected one of "train", "val'):
        parse_recipe("[corpus]\nvalidation = 0.1\nsplit = 3", "a.toml")


def test_every_table_can_be_written():
    for left_out, packing in (("packing", None), ("pairing", PackingConfig())):
        text = "\n".join(f"[{table}]" for table in TABLES if table != left_out)
        recipe = parse_recipe(text, "a.toml")
        assert recipe == RecipeSettings(packing=packing, names_pairing=packing is None)


def test_a_recipe_makes_pairs_or_packs():
    with pytest.raises(ConfigError, match=r"a.toml has \[pairing\] and \[packing\]"):
        parse_recipe("[pairing]\n[packing]", "a.toml")


def test_lists_and_whole_numbers_are_taken_for_tuples_and_numbers():
    text = '[training]\nspecial_tokens = ["<a>"]\n[pairing]\nshort_seq_prob = 0'
    recipe = parse_recipe(text, "a.toml")
    assert recipe.training.special_tokens == ("<a>",)
    assert recipe.pairing.short_seq_prob == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[maskings]", r"a.toml: unknown table \[maskings\].*Did you mean 'masking'"),
        ("[masking]\nmlm_prob = 0.1", r"unknown key 'mlm_prob' in \[masking\].*'mlm_probability'"),
        ("unit = 'word'", r"'unit' stands in no table. Put it below \[masking\]"),
        ("seed = 1", r"Put it below \[pairing\] or \[packing\] or \[masking\]"),
        ("masking = 3", r"unknown table \[masking\]"),
        ("[masking]\nepochs = 1.5", r"epochs in \[masking\] is 1.5; expected a whole number"),
        ("[masking]\nepochs = true", "is True; expected a whole number"),
        ("[masking]\nunit = 'words'", '\'words\'; expected one of "token", "word"'),
        ("[masking]\nkeep = 'word_starts'", "expected a list of strings"),
        ("[training]\nlowercase = 1", "expected true or false"),
        ("[corpus]\nid_column = 3", "expected a string"),
        ("[corpus]\ntext_column = 3", "expected a string"),
        ("[masking]\nmlm_probability = 'high'", "expected a number"),
        ("[masking]\nmlm_probability = [0.3]", "expected a number or a list of two numbers"),
        ("[masking]\nmlm_probability = [0.3, 'a']", "expected a number or a list of two numbers"),
        (
            "[masking]\nmlm_probability = 1.5",
            r"a.toml, table \[masking\]: --mlm-probability is 1.5; expected a probability",
        ),
        ("[corpus]\nblock_bytes = 0", r"\[corpus\]: --block-bytes is 0; .* between 1 and"),
        (f"[masking]\nepochs = {'9' * 5000}", r"a.toml is no TOML: Exceeds the limit"),
        ("[masking\n", r"a.toml is no TOML: .*line 1"),
        ("x = " + "[" * 5000, r"a.toml is no TOML: lists lie in one another too deeply"),
    ],
)
def test_a_wrong_recipe_says_where(text, expected):
    with pytest.raises(ConfigError, match=expected):
        parse_recipe(text, "a.toml")


def test_a_rate_may_have_two_ends():
    settings = parse_recipe("[masking]\nmlm_probability = [0.3, 0.15]\nepochs = 2", "a.toml")
    assert settings.masking.mlm_probability == (0.3, 0.15)


def test_an_unknown_recipe_names_the_known():
    with pytest.raises(ConfigError, match=r"expected one of: albert, bert, .*Did you mean 'bert'"):
        read_recipe("bart")


def test_a_missing_file(tmp_path):
    with pytest.raises(ConfigError, match=r"none.toml cannot be read: No such file"):
        read_recipe_file(tmp_path / "none.toml")


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "a.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="invalid UTF-8 at byte 0"):
        read_recipe_file(tmp_path / "a.toml")


def test_a_recipe_may_begin_with_a_byte_order_mark(tmp_path):
    (tmp_path / "a.toml").write_bytes("\ufeff[masking]\nepochs = 3\n".encode())
    assert read_recipe_file(tmp_path / "a.toml").masking.epochs == 3
