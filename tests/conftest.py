"""Fixtures that many tests share."""

import collections
import importlib.util
import os
import pydoc_data.topics
import re
import string
from pathlib import Path

import hypothesis
import pytest
import tokenizers
from tokenizers import models, normalizers, pre_tokenizers, processors

# A change is judged by the same examples on every machine; at a desk they vary from run to run.
# No deadline: the first call of a kernel may compile it.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis.settings.register_profile("desk", deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "desk")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real corpora and tokenizers that no package carries."""
    return SHARED_DATA


@pytest.fixture(scope="session")
def all_text() -> bool:
    """Whether tests go through all real text, for minutes, and not through a sample of it."""
    return bool(os.environ.get("MASKPREP_TEST_ALL"))


@pytest.fixture(scope="session")
def toy_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of real English prose, 79 documents in 79 files: what every CPython carries."""
    folder = tmp_path_factory.mktemp("corpus")
    for name, text in pydoc_data.topics.topics.items():
        (folder / f"{name.replace('/', '-')}.txt").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def toy_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer.json of a small WordPiece vocabulary of the toy corpus, made without maskprep."""
    text = " ".join(pydoc_data.topics.topics.values()).lower()
    words = collections.Counter(re.findall(r"[a-z]+", text))
    common = [word for word, _ in sorted(words.items(), key=lambda item: (-item[1], item[0]))[:800]]
    letters = sorted(set(string.ascii_lowercase + string.digits + string.punctuation))
    pieces = [*SPECIAL_TOKENS, *letters, *(f"##{letter}" for letter in letters), *common]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = tokenizers.Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    tokenizer.add_special_tokens(SPECIAL_TOKENS)
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    tokenizer.save(str(path))
    return path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with a word, what this machine cannot run."""
    missing = {
        "shared_data": not SHARED_DATA.is_dir() and "the real corpora are not beside the project",
        "torch": importlib.util.find_spec("torch") is None and "torch is not installed",
    }
    for item in items:
        for marker, reason in missing.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=str(reason)))
