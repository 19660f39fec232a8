"""Real encoder classes of transformers learn from the shards of their recipes, as they are."""

from dataclasses import replace

import pandas as pd
import pytest

from maskprep.cli.recipe_files import read_recipe
from maskprep.config import CorpusConfig, RunConfig
from maskprep.encoders.loading import load_tokenizer
from maskprep.pipeline import Recipe, prepare_corpus
from maskprep.tasks.running import Context

LENGTH = 64
SIZES = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 128,
    "max_position_embeddings": LENGTH + 2,
}
MODELS = {
    "roberta": ("RobertaConfig", "RobertaForMaskedLM", {}),
    "albert": ("AlbertConfig", "AlbertForPreTraining", {"embedding_size": 32}),
    "spanbert": ("BertConfig", "BertForMaskedLM", {}),
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


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore")  # The libraries' own.
@pytest.mark.parametrize("name", MODELS)
def test_the_loss_of_a_tiny_encoder_falls(toy_corpus, toy_tokenizer, tmp_path, name):
    import torch
    import transformers

    tokenizer = load_tokenizer(str(toy_tokenizer))
    settings = read_recipe(name)
    recipe = Recipe(
        corpus=CorpusConfig(documents="file"),
        tokenization=settings.tokenization,
        pairing=replace(settings.pairing, max_seq_length=LENGTH),
        packing=settings.packing and replace(settings.packing, max_seq_length=LENGTH),
        masking=replace(settings.masking, columns="labels", epochs=2),
    )
    context = Context(machine=RunConfig(workers=1))
    prepare_corpus([str(toy_corpus)], recipe, tokenizer, tmp_path / "out", context)
    rows = pd.read_parquet(tmp_path / "out" / "data")
    assert ("token_type_ids" in rows) == (settings.packing is None)

    torch.manual_seed(0)
    config_class, model_class, more = MODELS[name]
    config = getattr(transformers, config_class)(
        vocab_size=tokenizer.num_ids, pad_token_id=0, **{**SIZES, **more}
    )
    model = getattr(transformers, model_class)(config)
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3)
    losses = []
    for batch in batches_of(rows, torch):
        loss = model(**batch).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert len(losses) >= 40
    first, last = sum(losses[:5]) / 5, sum(losses[-5:]) / 5
    assert last < first - 0.8, losses
