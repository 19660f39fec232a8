"""A tokenizer as the folder that `transformers.AutoTokenizer` loads, the same bytes every time."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tokenizers

from maskprep.encoders.loading import Tokenizer


def save_tokenizer(tokenizer: tokenizers.Tokenizer, roles: Mapping[str, str], folder: Path) -> None:
    """Write the files of a tokenizer into a folder that exists.

    Args:
        tokenizer: trained; its truncation and padding are left out.
        roles: special token of each role: mask, cls, sep, pad, unk.
        folder: gets tokenizer.json, tokenizer_config.json, special_tokens_map.json, and vocab.txt
            (WordPiece) or vocab.json and merges.txt (BPE).
    """
    content = json.loads(tokenizer.to_str())
    content["truncation"] = content["padding"] = None
    _write_text(folder / "tokenizer.json", _indented(content))
    for name, text in _loading_texts(content, roles).items():
        _write_text(folder / name, text)
    _write_vocabulary(content["model"], folder)


def write_tokenizer_copy(tokenizer: Tokenizer, folder: Path) -> None:
    """Write a tokenizer as a folder that `load_tokenizer` and transformers' AutoTokenizer read.

    A file that holds the right text already is left alone: others may be reading it. A file
    changes as a whole, since a trained tokenizer is read again by a run that goes on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    texts = _copied_texts(tokenizer)
    for name in differing_copies(tokenizer, folder):
        unfinished = folder / f".{name}.unfinished"
        with unfinished.open("wb") as file:
            file.write(texts[name])
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(folder / name)


def differing_copies(tokenizer: Tokenizer, folder: Path) -> list[str]:
    """Return the files of a folder that are not, or not there, as `write_tokenizer_copy` does."""
    return [
        name
        for name, data in _copied_texts(tokenizer).items()
        if not (folder / name).is_file() or (folder / name).read_bytes() != data
    ]


def _copied_texts(tokenizer: Tokenizer) -> dict[str, bytes]:
    texts = {
        "tokenizer.json": tokenizer.json,
        **_loading_texts(tokenizer.content, tokenizer.roles),
    }
    return {name: text.encode() for name, text in texts.items()}


def _loading_texts(content: Mapping[str, Any], roles: Mapping[str, str]) -> dict[str, str]:
    """Return what transformers reads beside tokenizer.json, by name."""
    tokens: dict[str, Any] = {f"{role}_token": token for role, token in sorted(roles.items())}
    special = [token["content"] for token in content["added_tokens"] if token["special"]]
    further = [token for token in special if token not in roles.values()]
    if further:
        tokens["additional_special_tokens"] = further
    inputs = ["input_ids", "token_type_ids", "attention_mask"]
    if content["model"]["type"] == "BPE":  # RoBERTa knows one type of tokens.
        inputs.remove("token_type_ids")
    settings = {
        # BertTokenizer would rebuild the normaliser from its own defaults, and give other ids.
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_input_names": inputs,
        "clean_up_tokenization_spaces": False,
        **tokens,
    }
    return {
        "tokenizer_config.json": _indented(settings),
        "special_tokens_map.json": _indented(tokens),
    }


def _write_vocabulary(model: dict[str, Any], folder: Path) -> None:
    if model["type"] == "Unigram":
        return
    tokens = sorted(model["vocab"], key=model["vocab"].__getitem__)
    if model["type"] == "WordPiece":
        _write_text(folder / "vocab.txt", "".join(f"{token}\n" for token in tokens))
        return
    vocab = json.dumps({token: model["vocab"][token] for token in tokens}, ensure_ascii=False)
    _write_text(folder / "vocab.json", vocab)
    merges = "".join(f"{left} {right}\n" for left, right in model["merges"])
    _write_text(folder / "merges.txt", "#version: 0.2\n" + merges)


def _indented(content: Mapping[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def _write_text(path: Path, text: str) -> None:
    path.write_bytes(text.encode())
