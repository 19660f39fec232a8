"""Recipe google-bert on real text: what the script's own data is known to hold."""

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from maskprep.cli.recipe_files import read_recipe
from maskprep.config import CorpusConfig, RunConfig
from maskprep.encoders.loading import load_tokenizer
from maskprep.pipeline import prepare_corpus, verify_dataset
from maskprep.tasks.preparation import Recipe
from maskprep.tasks.running import Context

LENGTH, MOST = 128, 20
CONTEXT = Context(machine=RunConfig(workers=1))


@pytest.fixture(scope="module")
def tokenizer(toy_tokenizer):
    return load_tokenizer(str(toy_tokenizer))


@pytest.fixture(scope="module")
def folder(toy_corpus, tokenizer, tmp_path_factory):
    """Three of the recipe's ten duplicates."""
    settings = read_recipe("google-bert")
    pairing = replace(settings.pairing, duplicates=3)
    recipe = Recipe(CorpusConfig(documents="file"), pairing=pairing, masking=settings.masking)
    folder = tmp_path_factory.mktemp("google") / "out"
    prepare_corpus([str(toy_corpus)], recipe, tokenizer, folder, CONTEXT)
    return folder


@pytest.fixture(scope="module")
def rows(folder):
    """Columns as arrays [rows, length] or [rows, predictions]."""
    table = pq.read_table(folder / "data").combine_chunks()
    names = ("input_ids", "attention_mask", "token_type_ids", "masked_lm_positions")
    names += ("masked_lm_ids", "masked_lm_weights")
    return {
        name: table[name].combine_chunks().flatten().to_numpy().reshape(len(table), -1)
        for name in names
    }


@pytest.fixture(scope="module")
def selected(rows):
    """bool [rows, length]."""
    marks = np.zeros(rows["input_ids"].shape, np.bool_)
    owners = np.nonzero(rows["masked_lm_weights"])[0]
    marks[owners, rows["masked_lm_positions"][rows["masked_lm_weights"] == 1.0]] = True
    return marks


@pytest.fixture(scope="module")
def maskable(rows, selected, tokenizer):
    """bool [rows, length]."""
    return (tokenizer.maskable[rows["input_ids"]] | selected) & (rows["attention_mask"] == 1)


def test_shapes_are_those_of_the_script(rows):
    number = len(rows["input_ids"])
    assert number > 3000
    for name in ("input_ids", "attention_mask", "token_type_ids"):
        assert rows[name].shape == (number, LENGTH)
    for name in ("masked_lm_positions", "masked_lm_ids", "masked_lm_weights"):
        assert rows[name].shape == (number, MOST)


def test_every_row_has_exactly_as_many_predictions_as_the_script_gives_it(rows, selected, maskable):
    tokens = rows["attention_mask"].sum(axis=1, dtype=np.int64)
    for length, found, most in zip(tokens, selected.sum(axis=1), maskable.sum(axis=1), strict=True):
        assert found == min(MOST, max(1, round(int(length) * 0.15)), most)
    assert (selected.sum(axis=1)[tokens == LENGTH] == 19).all()
    assert (tokens == LENGTH).mean() > 0.5


def test_positions_are_uniform_among_what_may_be_selected(selected, maskable):
    shares = selected.sum(axis=1) / np.maximum(maskable.sum(axis=1), 1)
    chances = maskable * shares[:, None]
    expected = chances.sum(axis=0)
    variance = (chances * (1 - chances)).sum(axis=0)
    places = expected > 5
    assert places.sum() > 120
    statistic = ((selected.sum(axis=0) - expected)[places] ** 2 / variance[places]).sum()
    freedom = places.sum()
    assert abs(statistic - freedom) < 5 * np.sqrt(2 * freedom)


def test_each_piece_has_its_own_action(rows, selected, tokenizer):
    shown = rows["input_ids"][selected]
    originals = rows["masked_lm_ids"][rows["masked_lm_weights"] == 1.0]
    masked = shown == tokenizer.role_id("mask")
    pool = tokenizer.replacement_pool.size
    assert masked.mean() == pytest.approx(0.8, abs=0.01)
    assert (shown == originals).mean() == pytest.approx(0.1 + 0.1 / pool, abs=0.01)
    owners, places = np.nonzero(selected)
    beside = (np.diff(owners) == 0) & (np.diff(places) == 1)
    # Of two neighbours that are both selected, one is masked without the other as by chance.
    assert (masked[1:] != masked[:-1])[beside].mean() == pytest.approx(2 * 0.8 * 0.2, abs=0.03)


def test_verify_finds_no_fault(folder):
    found = verify_dataset(folder, CONTEXT)
    assert found.faults == ()
    assert found.totals.padding_tokens > 0
