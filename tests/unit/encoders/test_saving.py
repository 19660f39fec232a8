import json
import pydoc_data.topics

import pyarrow as pa
import pytest
from tokenizers import Tokenizer, models
from transformers import AutoTokenizer

from maskprep.config import TrainingConfig
from maskprep.encoders.building import build_tokenizer, roles_of
from maskprep.encoders.loading import load_tokenizer
from maskprep.encoders.saving import save_tokenizer, write_tokenizer_copy
from maskprep.schema import RAW_DOCUMENTS
from maskprep.stages.training import train_tokenizer

MODELS = ["wordpiece", "bpe", "unigram"]
LINES = [
    "The Mapping protocol, e.g. `dict`, isn't a class!",
    "Naïve CAFÉ  with   spaces\tand tabs",
    "Йод и ёж, 猫在桌子上。",
    "don't [brackets] <angles> 12.5 % of_it",
    "",
]


@pytest.fixture(scope="module", params=MODELS)
def trained(request):
    texts = [text for _, text in sorted(pydoc_data.topics.topics.items())][:15]
    columns = [list(range(15)), [False] * 15, texts]
    batch = pa.RecordBatch.from_arrays(
        [pa.array(c, field.type) for c, field in zip(columns, RAW_DOCUMENTS, strict=True)],
        schema=RAW_DOCUMENTS,
    )
    config = TrainingConfig(model=request.param, vocab_size=700, special_tokens=("[DOC]", "[A B]"))
    return train_tokenizer([batch], config)


@pytest.fixture
def folder(trained, tmp_path):
    save_tokenizer(trained.tokenizer, trained.roles, tmp_path)
    return tmp_path


def test_transformers_gives_the_same_ids(trained, folder):
    loaded = AutoTokenizer.from_pretrained(folder)
    for line in LINES:
        assert loaded(line)["input_ids"] == trained.tokenizer.encode(line).ids
        assert loaded(line, "and B")["input_ids"] == trained.tokenizer.encode(line, "and B").ids
    assert len(loaded) == trained.vocab_size


def test_transformers_knows_the_special_tokens(trained, folder):
    loaded = AutoTokenizer.from_pretrained(folder)
    for role, token in trained.roles.items():
        assert getattr(loaded, f"{role}_token") == token
        assert getattr(loaded, f"{role}_token_id") == trained.tokenizer.token_to_id(token)
    masked = f"the {loaded.mask_token} class[DOC] [A B]"
    assert loaded(masked)["input_ids"] == trained.tokenizer.encode(masked).ids
    assert {"[DOC]", "[A B]"} <= set(loaded.all_special_tokens)
    assert loaded.unk_token_id not in loaded(masked)["input_ids"]


def test_the_mask_stands_for_a_word_with_the_space_before_it(trained):
    mask = trained.roles["mask"]
    ids = trained.tokenizer.encode(f"the {mask} class", add_special_tokens=False).ids
    ids.remove(trained.tokenizer.token_to_id(mask))
    assert ids == trained.tokenizer.encode("the class", add_special_tokens=False).ids


def test_transformers_gives_segment_ids_to_bert_only(trained, folder):
    names = AutoTokenizer.from_pretrained(folder)("one", "two").keys()
    assert ("token_type_ids" in names) == (trained.roles["mask"] == "[MASK]")


def test_files_are_what_the_model_has(trained, folder):
    kind = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["type"]
    own = {"WordPiece": {"vocab.txt"}, "BPE": {"vocab.json", "merges.txt"}, "Unigram": set()}[kind]
    always = {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"}
    assert {path.name for path in folder.iterdir()} == own | always
    loaded = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert loaded.get_vocab() == trained.tokenizer.get_vocab()


def test_vocabulary_files_hold_the_same_model(trained, folder):
    vocab = trained.tokenizer.get_vocab()
    in_order = sorted(vocab, key=vocab.__getitem__)
    if (folder / "vocab.txt").exists():
        assert (folder / "vocab.txt").read_bytes().decode().split("\n")[:-1] == in_order
    if (folder / "merges.txt").exists():
        model = models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt"))
        tokens = [token.value for token in model.tokenize("Ġmapping")]
        assert tokens == [token.value for token in trained.tokenizer.model.tokenize("Ġmapping")]


def test_saving_twice_gives_the_same_bytes(trained, folder, tmp_path):
    again = tmp_path / "again"
    again.mkdir()
    save_tokenizer(Tokenizer.from_file(str(folder / "tokenizer.json")), trained.roles, again)
    for path in again.iterdir():
        assert path.read_bytes() == (folder / path.name).read_bytes()


def test_the_copy_of_a_data_set_loads_as_what_was_saved(folder, tmp_path):
    write_tokenizer_copy(load_tokenizer(str(folder)), tmp_path / "copy")
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        assert (tmp_path / "copy" / name).read_bytes() == (folder / name).read_bytes()
    saved, copied = (AutoTokenizer.from_pretrained(one) for one in (folder, tmp_path / "copy"))
    assert [copied(line) for line in LINES] == [saved(line) for line in LINES]
    assert copied.all_special_tokens == saved.all_special_tokens


def test_truncation_and_padding_are_not_saved(tmp_path):
    config = TrainingConfig()
    vocab = {token: number for number, token in enumerate(roles_of(config).values())}
    tokenizer = build_tokenizer(models.WordPiece(vocab, unk_token="[UNK]"), config)
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding()
    save_tokenizer(tokenizer, roles_of(config), tmp_path)
    content = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    assert content["truncation"] is None
    assert content["padding"] is None
