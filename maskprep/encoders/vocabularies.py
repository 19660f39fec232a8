"""Tokenizers from bare vocabularies: BERT's vocab.txt, GPT-2's vocab.json and merges.txt."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors

from maskprep.encoders.files import TokenizerFiles, parse_json, read_json, read_text
from maskprep.errors import TokenizerError

R = TypeVar("R")

_BRACKETED = re.compile(r"\[.*\]")
_END_OF_WORD = "</w>"
_BYTE_SPACE = "\u0120"
"""How byte-level vocabularies write a space (Radford et al. 2019, encoder.py)."""


def guarded(origin: str, call: Callable[[], R]) -> R:
    """Call the tokenizers library; whatever it cannot do is an error of the file.

    Raises:
        TokenizerError: the library refused, or its Rust code panicked.
    """
    try:
        return call()
    except MemoryError:
        raise
    except BaseException as error:
        # A Rust panic is no Exception; nor are Ctrl-C and SIGTERM, which are no fault of the file.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        reason = " ".join(str(error).split())[:200]
        raise TokenizerError(
            f"{origin} is no tokenizer that the tokenizers library {tokenizers.__version__} can "
            f"use: {reason}. Export it again, or choose another one."
        ) from error


@contextmanager
def quiet_panics() -> Iterator[None]:
    """Keep what Rust itself says of a panic off standard error, for the moment of a call."""
    try:
        kept = os.dup(2)
        nowhere = os.open(os.devnull, os.O_WRONLY)
    except OSError:  # There is no standard error.
        yield
        return
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def vocabulary_tokenizer(
    files: TokenizerFiles, config: Mapping[str, Any], unk_token: str
) -> tokenizers.Tokenizer:
    """Build a tokenizer around a bare vocabulary.

    Args:
        files: a vocab.txt, or vocab.json and merges.txt.
        config: what a tokenizer_config.json beside them says; may be empty.
        unk_token: of a vocab.txt.

    Raises:
        TokenizerError: the vocabulary is none.
    """
    if files.merges is not None:
        return _byte_level_tokenizer(files.main, files.merges, config)
    return _wordpiece_tokenizer(files.main, config, unk_token)


def _wordpiece_tokenizer(
    path: Path, config: Mapping[str, Any], unk_token: str
) -> tokenizers.Tokenizer:
    vocab = _read_vocab_lines(path)
    if unk_token not in vocab:
        raise TokenizerError(
            f"{path} is no BERT vocabulary: it has no {unk_token}. Name its token for unknown "
            f"words with --unk-token."
        )
    lowercase = config.get("do_lower_case")
    if lowercase is None:
        lowercase = not any(
            token != token.lower() for token in vocab if not _BRACKETED.fullmatch(token)
        )
    backend = tokenizers.Tokenizer(models.WordPiece(vocab, unk_token=unk_token))
    backend.normalizer = normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=bool(config.get("tokenize_chinese_chars", True)),
        strip_accents=config.get("strip_accents"),
        lowercase=bool(lowercase),
    )
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece()
    if "[CLS]" in vocab and "[SEP]" in vocab:
        backend.post_processor = processors.BertProcessing(
            ("[SEP]", vocab["[SEP]"]), ("[CLS]", vocab["[CLS]"])
        )
    return backend


def _read_vocab_lines(path: Path) -> dict[str, int]:
    lines = read_text(path).split("\n")
    if lines[-1] == "":
        del lines[-1]
    if not lines:
        raise TokenizerError(f"{path} is empty; expected a vocabulary, one token a line.")
    vocab: dict[str, int] = {}
    for number, line in enumerate(lines):
        token = line.removesuffix("\r")
        # Only ASCII white space: BERT's Chinese vocabulary has U+2028 as a token.
        if not token or " " in token or "\t" in token:
            found = repr(token[:40]) if token else "an empty line"
            raise TokenizerError(
                f"{path}:{number + 1}: {found} is no token. Expected a vocabulary: one token a "
                f"line, without spaces."
            )
        if token in vocab:
            raise TokenizerError(
                f"{path}:{number + 1}: the token {token!r} stands in line {vocab[token] + 1} too. "
                f"Expected a vocabulary in which each token has one id."
            )
        vocab[token] = number
    return vocab


def _byte_level_tokenizer(
    path: Path, merges_path: Path, config: Mapping[str, Any]
) -> tokenizers.Tokenizer:
    vocab = parse_json(read_text(path), str(path))
    if not vocab or not all(type(number) is int and number >= 0 for number in vocab.values()):
        raise TokenizerError(f"{path} is no vocabulary: expected tokens and their ids.")
    merges = _read_merges(merges_path)
    written_as_bytes = any(token.startswith(_BYTE_SPACE) for token in vocab)
    if not written_as_bytes or any(token.endswith(_END_OF_WORD) for token in vocab):
        raise TokenizerError(
            f"{path} is no byte-level vocabulary as of GPT-2 or RoBERTa (no token begins with "
            f"{_BYTE_SPACE!r}). Export the tokenizer as tokenizer.json."
        )
    prefixed = bool(config.get("add_prefix_space", False))
    with quiet_panics():
        model = guarded(str(path), lambda: models.BPE(vocab, merges))
    backend = tokenizers.Tokenizer(model)
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefixed)
    backend.decoder = decoders.ByteLevel()
    if "<s>" in vocab and "</s>" in vocab:
        backend.post_processor = processors.RobertaProcessing(
            ("</s>", vocab["</s>"]), ("<s>", vocab["<s>"]), add_prefix_space=prefixed
        )
    else:
        backend.post_processor = processors.ByteLevel(trim_offsets=False)
    return backend


def _read_merges(path: Path) -> list[tuple[str, str]]:
    merges = []
    for number, line in enumerate(read_text(path).split("\n")):
        merge = line.removesuffix("\r")
        if not merge or (number == 0 and merge.startswith("#version")):
            continue
        left, _, right = merge.partition(" ")
        if not left or not right or " " in right:
            raise TokenizerError(
                f"{path}:{number + 1}: {merge[:40]!r} is no merge; expected two tokens and one "
                f"space between them."
            )
        merges.append((left, right))
    return merges


def add_saved_tokens(backend: tokenizers.Tokenizer, path: Path) -> None:
    """Add the tokens of an added_tokens.json, as transformers keeps them beside a vocabulary.

    Raises:
        TokenizerError: they do not continue the vocabulary.
    """
    for token, number in sorted(read_json(path).items(), key=lambda item: str(item[1]).zfill(12)):
        backend.add_tokens([token])
        if backend.token_to_id(token) != number:
            raise TokenizerError(
                f"{path}: {token!r} has the id {number}; expected {backend.token_to_id(token)}, "
                f"the next one. Export the tokenizer as tokenizer.json."
            )
