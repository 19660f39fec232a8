"""Real encoder classes of transformers learn from the shards of their recipes, as they are."""

import re
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pandas as pd
import pyarrow.dataset
import pytest

from maskprep.cli.recipe_files import read_recipe
from maskprep.config import CorpusConfig, RunConfig
from maskprep.encoders.loading import load_tokenizer
from maskprep.pipeline import prepare_corpus
from maskprep.tasks.preparation import Recipe
from maskprep.tasks.running import Context

LENGTH = 64
STEPS = 60
SIZES = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 128,
    "max_position_embeddings": LENGTH + 2,
}
DISENTANGLED = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "type_vocab_size": 0}
MODELS = {
    "roberta": ("RobertaConfig", "RobertaForMaskedLM", {}),
    "albert": ("AlbertConfig", "AlbertForPreTraining", {"embedding_size": 32}),
    "spanbert": ("BertConfig", "BertForMaskedLM", {}),
    "deberta": ("DebertaConfig", "DebertaForMaskedLM", DISENTANGLED),
    "deberta-v3": ("DebertaV2Config", "DebertaV2ForMaskedLM", DISENTANGLED),
    "modernbert": ("ModernBertConfig", "ModernBertForMaskedLM", {"reference_compile": False}),
}
PADDING = {"input_ids": 0, "token_type_ids": 0, "labels": -100}


def batches_of(rows, torch, size=32):
    """Pad batches of rows and add the attention mask: all that a trainer has to do."""
    for start in range(0, len(rows) - size + 1, size):
        batch = rows.iloc[start : start + size]
        padded = {
            name: torch.nn.utils.rnn.pad_sequence(
                [torch.tensor(row, dtype=torch.int64) for row in batch[name]],
                batch_first=True,
                padding_value=PADDING[name],
            )
            for name in PADDING
            if name in batch
        }
        lengths = torch.tensor([len(row) for row in batch["input_ids"]])
        padded["attention_mask"] = (torch.arange(lengths.max())[None, :] < lengths[:, None]).long()
        if "sentence_order_label" in batch:
            padded["sentence_order_label"] = torch.tensor(batch["sentence_order_label"].to_numpy())
        yield padded


def prepare_rows(corpus, tokenizer, folder, settings, columns):
    """Make masked rows as a recipe says, but short ones; return where they are."""
    recipe = Recipe(
        corpus=CorpusConfig(documents="file"),
        tokenization=settings.tokenization,
        pairing=replace(settings.pairing, max_seq_length=LENGTH),
        packing=settings.packing and replace(settings.packing, max_seq_length=LENGTH),
        masking=replace(settings.masking, columns=columns, epochs=2),
    )
    context = Context(machine=RunConfig(workers=1))
    prepare_corpus([str(corpus)], recipe, tokenizer, folder, context)
    return folder / "data"


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore")  # The libraries' own.
@pytest.mark.parametrize("name", MODELS)
def test_the_loss_of_a_tiny_encoder_falls(toy_corpus, toy_tokenizer, tmp_path, name):
    import torch
    import transformers

    tokenizer = load_tokenizer(str(toy_tokenizer))
    settings = read_recipe(name)
    rows = pd.read_parquet(
        prepare_rows(toy_corpus, tokenizer, tmp_path / "out", settings, columns="labels")
    )
    assert ("token_type_ids" in rows) == (settings.packing is None)

    torch.manual_seed(0)
    config_class, model_class, more = MODELS[name]
    config = getattr(transformers, config_class)(
        vocab_size=tokenizer.num_ids, pad_token_id=0, **{**SIZES, **more}
    )
    model = getattr(transformers, model_class)(config)
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3)
    losses = []
    for batch in islice(batches_of(rows, torch), STEPS):
        loss = model(**batch).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert len(losses) == STEPS
    first, last = sum(losses[:5]) / 5, sum(losses[-5:]) / 5
    assert last < first - 0.8, losses


def code_of_page():
    """Run the functions of the how-to page, as a reader would copy them."""
    page = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "train-electra.md"
    functions, _ = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    names = {}
    exec(compile(functions, page.name, "exec"), names)
    return names["padded"], names["losses"]


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore")  # The libraries' own.
def test_the_losses_of_generator_and_discriminator_fall(toy_corpus, toy_tokenizer, tmp_path):
    import torch
    import transformers

    padded, losses = code_of_page()
    tokenizer = load_tokenizer(str(toy_tokenizer))
    settings = read_recipe("electra")
    data = prepare_rows(toy_corpus, tokenizer, tmp_path / "out", settings, columns="loss-mask")

    torch.manual_seed(0)
    config = transformers.ElectraConfig(
        vocab_size=tokenizer.num_ids, pad_token_id=0, embedding_size=32, **SIZES
    )
    generator = transformers.ElectraForMaskedLM(config)
    discriminator = transformers.ElectraForPreTraining(config)
    discriminator.electra.embeddings = generator.electra.embeddings
    parameters = {*generator.parameters(), *discriminator.parameters()}
    optimiser = torch.optim.AdamW(parameters, lr=2e-3)
    found = []
    columns = ["input_ids", "target_ids", "loss_mask", "token_type_ids"]
    batches = pyarrow.dataset.dataset(data).to_batches(columns=columns, batch_size=32)
    for rows in islice(batches, STEPS):
        pair = losses(generator, discriminator, padded(rows.to_pydict(), pad_id=0))
        optimiser.zero_grad()
        (pair[0] + 50 * pair[1]).backward()
        optimiser.step()
        found.append([loss.item() for loss in pair])
    first, last = (torch.tensor(part).mean(0) for part in (found[:5], found[-5:]))
    assert last[0] < first[0] - 0.5, found
    assert last[1] < first[1] - 0.1, found
