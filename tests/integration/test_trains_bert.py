"""A real BertForPreTraining learns from the shards, with no column renamed."""

from dataclasses import replace

import pandas as pd
import pytest

from maskprep.cli.recipe_files import read_recipe
from maskprep.config import CorpusConfig, RunConfig
from maskprep.encoders.loading import load_tokenizer
from maskprep.pipeline import Recipe, prepare_corpus
from maskprep.tasks.running import Context

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


def losses_of(rows, num_ids):
    """Train a tiny BertForPreTraining on the rows, once."""
    import torch
    from transformers import BertConfig, BertForPreTraining

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=num_ids,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=128,
        max_position_embeddings=64,
    )
    model = BertForPreTraining(config)
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3)
    losses = []
    for batch in batches_of(rows, torch, size=32):
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
    losses = losses_of(rows, tokenizer.num_ids)
    assert len(losses) >= 40
    first, last = sum(losses[:5]) / 5, sum(losses[-5:]) / 5
    assert last < first - 1.0, losses
