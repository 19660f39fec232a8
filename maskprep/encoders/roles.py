"""Which tokens of a vocabulary are [MASK], [CLS], [SEP], [PAD] and [UNK]."""

from collections.abc import Container, Mapping
from typing import Any, Final

from maskprep.encoders.files import TokenizerFiles, read_json
from maskprep.errors import TokenizerError

WELL_KNOWN: Final = {
    "mask": ("[MASK]", "<mask>"),
    "cls": ("[CLS]", "<s>", "<cls>"),
    "sep": ("[SEP]", "</s>", "<sep>"),
    "pad": ("[PAD]", "<pad>"),
    "unk": ("[UNK]", "<unk>"),
}
"""Names that published tokenizers give to each role, the commonest first."""


def saved_roles(files: TokenizerFiles) -> dict[str, tuple[str, str]]:
    """Return the roles that a tokenizer's companion files name.

    Returns:
        Role -> token, and the file that says so.

    Raises:
        TokenizerError: a companion is no JSON.
    """
    found: dict[str, tuple[str, str]] = {}
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        path = files.companion(name)
        if path is None:
            continue
        named = read_json(path)
        for role in WELL_KNOWN:
            token = _content(named.get(f"{role}_token"))
            if token:
                found[role] = (token, str(path))
    return found


def _content(value: Any) -> str | None:  # noqa: ANN401 - any JSON value
    content = value.get("content") if isinstance(value, dict) else value
    return content if isinstance(content, str) else None


def resolve_roles(
    named: Mapping[str, str],
    saved: Mapping[str, tuple[str, str]],
    vocab: Container[str],
    origin: str,
) -> dict[str, str]:
    """Choose the token of each role: named by the user, by a companion, or well known.

    Args:
        named: role -> token, from options.
        saved: role -> token and file, from companions.
        vocab: all tokens, added ones too.
        origin: for messages.

    Returns:
        Role -> token, for the roles that are known.

    Raises:
        TokenizerError: a named token is not in the vocabulary.
    """
    roles: dict[str, str] = {}
    for role, candidates in WELL_KNOWN.items():
        if role in named:
            token = named[role]
            if token not in vocab:
                raise TokenizerError(
                    f"--{role}-token is {token!r}, which is not in the vocabulary of {origin}. "
                    f"Name one of its tokens, or add this one to the tokenizer."
                )
            roles[role] = token
        elif role in saved:
            token, file = saved[role]
            if token not in vocab:
                raise TokenizerError(
                    f"{file} names {token!r} as the {role} token, which is not in the vocabulary "
                    f"of {origin}. Name another one with --{role}-token."
                )
            roles[role] = token
        else:
            known = next((token for token in candidates if token in vocab), None)
            if known is not None:
                roles[role] = known
    return roles
