"""A tokenizer as the folder that `transformers.AutoTokenizer` loads, the same bytes every time."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

MODEL_MAX_LENGTH = 512
"""Positions of BERT and RoBERTa; only a hint, never a cut of ours."""


def save_tokenizer(tokenizer: Tokenizer, roles: Mapping[str, str], folder: Path) -> None:
    """Write the files of a tokenizer into a folder that exists.

    Args:
        tokenizer: trained; its truncation and padding are left out.
        roles: special token of each role: mask, cls, sep, pad, unk.
        folder: gets tokenizer.json, tokenizer_config.json, special_tokens_map.json, and vocab.txt
            (WordPiece) or vocab.json and merges.txt (BPE).
    """
    content = json.loads(tokenizer.to_str())
    content["truncation"] = content["padding"] = None
    special = [token["content"] for token in content["added_tokens"] if token["special"]]
    named = {f"{role}_token": token for role, token in sorted(roles.items())}
    further = [token for token in special if token not in roles.values()]
    _write_json(folder / "tokenizer.json", content)
    _write_json(folder / "tokenizer_config.json", _loading_settings(content, named, further))
    tokens_map: dict[str, Any] = dict(named)
    if further:
        tokens_map["additional_special_tokens"] = further
    _write_json(folder / "special_tokens_map.json", tokens_map)
    _write_vocabulary(content["model"], folder)


def _loading_settings(
    content: dict[str, Any], named: dict[str, str], further: list[str]
) -> dict[str, Any]:
    # BertTokenizer would rebuild the normaliser from its own defaults, and give other ids.
    settings: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": MODEL_MAX_LENGTH,
        "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],
        "clean_up_tokenization_spaces": False,
        **named,
    }
    if content["model"]["type"] == "BPE":
        settings["model_input_names"].remove("token_type_ids")
    if further:
        settings["additional_special_tokens"] = further
    return settings


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


def _write_json(path: Path, content: dict[str, Any]) -> None:
    _write_text(path, json.dumps(content, ensure_ascii=False, indent=2) + "\n")


def _write_text(path: Path, text: str) -> None:
    path.write_bytes(text.encode())
