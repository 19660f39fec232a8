"""A real BertForPreTraining learns from the shards, with no column renamed."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from maskprep.cli.recipe_files import read_recipe
from maskprep.config import CorpusConfig, RunConfig
from maskprep.encoders.loading import load_tokenizer
from maskprep.pipeline import prepare_corpus
from maskprep.tasks.preparation import Recipe
from maskprep.tasks.running import Context

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "load-in-pytorch.md"
STACKED = ("input_ids", "token_type_ids", "attention_mask")
MODEL_COLUMNS = ("input_ids", "token_type_ids", "labels")
PADDING = {"input_ids": 0, "token_type_ids": 0, "labels": -100}


def batches_of(rows, torch, size):
    """Pad batches of rows and add the attention mask: all that a trainer has to do."""
    for start in range(0, len(rows) - size + 1, size):
        batch = rows.iloc[start : start + size]
        padded = {
            name: torch.nn.utils.rnn.pad_sequence(
                [torch.tensor(row, dtype=torch.int64) for row in batch[name]],
                batch_first=True,
                padding_value=PADDING[name],
            )
            for name in MODEL_COLUMNS
        }
        lengths = torch.tensor([len(row) for row in batch["input_ids"]])
        padded["attention_mask"] = torch.arange(lengths.max())[None, :] < lengths[:, None]
        padded["next_sentence_label"] = torch.tensor(batch["next_sentence_label"].to_numpy())
        yield padded


def losses_of(batches, num_ids, length):
    """Train a tiny BertForPreTraining on the batches, once."""
    import torch
    from transformers import BertConfig, BertForPreTraining

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=num_ids,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=128,
        max_position_embeddings=length,
    )
    model = BertForPreTraining(config)
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3)
    losses = []
    for batch in batches:
        loss = model(**batch).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore")  # The libraries' own.
@pytest.mark.parametrize("name", ["bert", "bert-wwm"])
def test_the_loss_of_a_tiny_bert_falls(toy_corpus, toy_tokenizer, tmp_path, name):
    import torch

    tokenizer = load_tokenizer(str(toy_tokenizer))
    settings = read_recipe(name)
    recipe = Recipe(
        corpus=CorpusConfig(documents="file"),
        pairing=replace(settings.pairing, max_seq_length=64),
        masking=replace(settings.masking, columns="labels"),
    )
    context = Context(machine=RunConfig(workers=1))
    prepare_corpus([str(toy_corpus)], recipe, tokenizer, tmp_path / "out", context)
    rows = pd.read_parquet(tmp_path / "out" / "data")
    losses = losses_of(batches_of(rows, torch, size=32), tokenizer.num_ids, 64)
    assert_falls(losses)


def assert_falls(losses):
    assert len(losses) >= 40
    first, last = sum(losses[:5]) / 5, sum(losses[-5:]) / 5
    assert last < first - 1.0, losses


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore")  # The libraries' own.
def test_a_tiny_bert_learns_from_positions_as_the_page_says(toy_corpus, toy_tokenizer, tmp_path):
    """The recipe's own form: rows are stacked, and positions become labels."""
    import torch

    tokenizer = load_tokenizer(str(toy_tokenizer))
    settings = read_recipe("google-bert")
    recipe = Recipe(
        corpus=CorpusConfig(documents="file"),
        pairing=replace(settings.pairing, duplicates=1, max_seq_length=64),
        masking=replace(settings.masking, max_predictions=10),
    )
    context = Context(machine=RunConfig(workers=1))
    prepare_corpus([str(toy_corpus)], recipe, tokenizer, tmp_path / "out", context)
    rows = pd.read_parquet(tmp_path / "out" / "data")
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names = {}
    exec(next(code for code in blocks if "def labels_of" in code), names)

    def batches():
        for start in range(0, 60 * 32, 32):
            batch = rows.iloc[start : start + 32]
            stacked = {
                name: torch.tensor(np.stack(batch[name]), dtype=torch.int64)
                for name in (*STACKED, "masked_lm_positions", "masked_lm_ids")
            }
            labels = names["labels_of"](stacked)
            assert (labels >= 0).sum() == sum(map(sum, batch["masked_lm_weights"]))
            yield {
                **{name: stacked[name] for name in STACKED},
                "labels": labels,
                "next_sentence_label": torch.tensor(batch["next_sentence_label"].to_numpy()),
            }

    assert_falls(losses_of(batches(), tokenizer.num_ids, 64))
