"""Tokenizers: loaded from any of their forms, made canonical, and asked what stages need to know.

One form everywhere: `json` is what the tokenizers library writes for the tokenizer, without
truncation and padding (which would cut text silently) and without dropout (which draws its own
random numbers), the tokens of all roles marked special, keys sorted. The fingerprint covers it and
the roles.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
from numpy.typing import NDArray

from maskprep.encoders.canonical import canonical_json, checked_vocabulary, read_tokenizer
from maskprep.encoders.files import TokenizerFiles, find_tokenizer_files, read_json, read_text
from maskprep.encoders.roles import WELL_KNOWN, resolve_roles, saved_roles
from maskprep.encoders.templates import PairTemplate, bert_template, probe_template
from maskprep.encoders.vocabularies import (
    add_saved_tokens,
    guarded,
    quiet_panics,
    vocabulary_tokenizer,
)
from maskprep.errors import TokenizerError

_PLACEHOLDER = re.compile(r"\[unused\d+\]|<unused_?\d+>|madeupword\d{4}")
"""Ids that a vocabulary holds free: BERT's, Gemma's, fairseq's names for them."""


@dataclass(frozen=True)
class RoleOptions:
    """Special tokens that the user names: --mask-token and so on."""

    mask_token: str | None = None
    cls_token: str | None = None
    sep_token: str | None = None
    pad_token: str | None = None
    unk_token: str | None = None

    def named(self) -> dict[str, str]:
        """Return role -> token, for the roles that are named."""
        tokens = {role: getattr(self, f"{role}_token") for role in WELL_KNOWN}
        return {role: token for role, token in tokens.items() if token is not None}


@dataclass(frozen=True)
class Tokenizer:
    """A loaded tokenizer; pickling carries the text, not the library's object.

    Attributes:
        json: canonical tokenizer.json.
        roles: role ("mask", "cls", "sep", "pad", "unk") -> token, for the known ones.
        fingerprint: sha256 of json and roles, in hexadecimal.
        origin: how messages name it.
        parse_special_tokens: whether special tokens that are spelt in a text become special ids.
    """

    json: str
    roles: Mapping[str, str]
    fingerprint: str
    origin: str
    parse_special_tokens: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        fields = (self.json, self.roles, self.fingerprint, self.origin, self.parse_special_tokens)
        return Tokenizer, fields

    @cached_property
    def content(self) -> dict[str, Any]:
        """The fields of `json`; not to be changed."""
        fields: dict[str, Any] = json.loads(self.json)
        return fields

    @cached_property
    def backend(self) -> tokenizers.Tokenizer:
        """The library's tokenizer, ready to encode text."""
        return self.new_backend()

    def new_backend(self) -> tokenizers.Tokenizer:
        """Return the library's tokenizer once more, to be changed freely."""
        backend = guarded(self.origin, lambda: tokenizers.Tokenizer.from_str(self.json))
        backend.encode_special_tokens = not self.parse_special_tokens
        return backend

    @cached_property
    def _ids(self) -> dict[str, int]:
        return self.backend.get_vocab(with_added_tokens=True)

    @cached_property
    def _tokens(self) -> dict[int, str]:
        return {number: token for token, number in self._ids.items()}

    @cached_property
    def num_ids(self) -> int:
        """Largest id + 1."""
        return max(self._tokens) + 1

    def token(self, token_id: int) -> str:
        """Return a token as the vocabulary spells it, for display."""
        return self._tokens.get(token_id, f"<no token {token_id}>")

    def role_id(self, role: str) -> int:
        """Return the id of the token that plays a role.

        Raises:
            TokenizerError: no token does.
        """
        if role not in self.roles:
            found = " ".join(self.special_tokens) or "none"
            raise TokenizerError(
                f"{self.origin} has no {role} token (found {found}). Retrain it with "
                f"'maskprep train', or name one with --{role}-token."
            )
        return self._ids[self.roles[role]]

    @cached_property
    def special_ids(self) -> NDArray[np.int32]:
        """Every special token, ascending: int32 [special tokens]."""
        added = self.backend.get_added_tokens_decoder().items()
        return np.array(sorted(number for number, token in added if token.special), np.int32)

    @cached_property
    def special_tokens(self) -> list[str]:
        """Every special token as text spells it, in the order of `special_ids`."""
        return [self._tokens[int(number)] for number in self.special_ids]

    @cached_property
    def maskable(self) -> NDArray[np.bool_]:
        """Whether a token may be chosen for prediction: bool [ids], false at special tokens."""
        maskable = np.ones(self.num_ids, np.bool_)
        maskable[self.special_ids] = False
        return maskable

    @cached_property
    def replacement_pool(self) -> NDArray[np.int32]:
        """Ids that may replace a token, ascending: int32 [pool], no special or reserved ones."""
        maskable = self.maskable
        return np.array(
            sorted(
                number
                for number, token in self._tokens.items()
                if maskable[number] and not _PLACEHOLDER.fullmatch(token)
            ),
            np.int32,
        )

    @cached_property
    def pair_template(self) -> PairTemplate:
        """Special tokens around a pair, as the tokenizer's own post-processor puts them.

        Raises:
            TokenizerError: it puts none, and no cls and sep token is known.
        """
        with quiet_panics():
            template = guarded(self.origin, lambda: probe_template(self.backend))
        if template is not None and template.between.size:
            return template
        if "cls" in self.roles and "sep" in self.roles:
            return bert_template(self.role_id("cls"), self.role_id("sep"))
        found = " ".join(self.special_tokens) or "none"
        raise TokenizerError(
            f"{self.origin} has no special tokens to put around a pair of segments (found "
            f"{found}). Name them with --cls-token and --sep-token, or use another tokenizer."
        )


def load_tokenizer(
    path: str, options: RoleOptions = RoleOptions(), *, parse_special_tokens: bool = False
) -> Tokenizer:
    """Load a tokenizer.json, a tokenizer's folder, a vocab.txt, or vocab.json and merges.txt.

    Raises:
        TokenizerError: there is none at `path`, or a token named as a role is not in it.
    """
    files = find_tokenizer_files(Path(path))
    saved = saved_roles(files)
    named = options.named()
    if files.main.suffix == ".txt" or files.merges is not None:
        backend, scores = _vocabulary_backend(files, named, saved), None
        # What a vocabulary alone knows of special tokens: GPT-2's end of text.
        extra = tuple(
            token for token in ("<|endoftext|>",) if backend.token_to_id(token) is not None
        )
    else:
        backend, scores = read_tokenizer(read_text(files.main), path)
        extra = ()
    vocab = checked_vocabulary(backend, path)
    roles = resolve_roles(named, saved, vocab, path)
    text = canonical_json(backend, vocab, scores, (*roles.values(), *extra), path)
    return _fingerprinted(text, roles, path, parse_special_tokens=parse_special_tokens)


def tokenizer_from_json(
    text: str, roles: Mapping[str, str], origin: str, *, parse_special_tokens: bool = False
) -> Tokenizer:
    """Load a tokenizer from what a stream carries.

    Raises:
        TokenizerError: the text is no tokenizer, or a token named as a role is not in it.
    """
    backend, scores = read_tokenizer(text, origin)
    vocab = checked_vocabulary(backend, origin)
    resolved = resolve_roles(roles, {}, vocab, origin)
    text = canonical_json(backend, vocab, scores, resolved.values(), origin)
    return _fingerprinted(text, resolved, origin, parse_special_tokens=parse_special_tokens)


def _vocabulary_backend(
    files: TokenizerFiles, named: Mapping[str, str], saved: Mapping[str, tuple[str, str]]
) -> tokenizers.Tokenizer:
    path = files.companion("tokenizer_config.json")
    config = {} if path is None else read_json(path)
    unk_token = named.get("unk") or saved.get("unk", ("[UNK]", ""))[0]
    backend = vocabulary_tokenizer(files, config, unk_token)
    added = files.companion("added_tokens.json")
    if added is not None:
        add_saved_tokens(backend, added)
    return backend


def _fingerprinted(
    text: str, roles: dict[str, str], origin: str, *, parse_special_tokens: bool
) -> Tokenizer:
    known = json.dumps(roles, ensure_ascii=False, sort_keys=True)
    fingerprint = hashlib.sha256(f"{text}\n{known}".encode()).hexdigest()
    return Tokenizer(text, roles, fingerprint, origin, parse_special_tokens)
