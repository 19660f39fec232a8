"""Words that the user never or always wants selected: from the command line, from files, as ids."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from maskprep.config import MaskingConfig
from maskprep.encoders.loading import Tokenizer
from maskprep.errors import ConfigError
from maskprep.stages.listed_words import ListedWords, list_words

_FILE = "@"


def with_words_of_files(config: MaskingConfig) -> MaskingConfig:
    """Put the words of files in the places where the settings name them as @FILE.

    Raises:
        ConfigError: a file cannot be read.
    """
    return replace(
        config,
        never_mask=tuple(_words(config.never_mask, "--never-mask")),
        always_mask=tuple(_words(config.always_mask, "--always-mask")),
    )


def _words(given: tuple[str, ...], option: str) -> Iterator[str]:
    for one in given:
        if one.startswith(_FILE) and len(one) > 1:
            yield from _words_of_file(one[1:], option)
        else:
            yield one


def _words_of_file(name: str, option: str) -> Iterator[str]:
    try:
        text = Path(name).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(
            f"{option} @{name} cannot be read: {error.strerror}. Expected a file with one word a "
            f"line."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{option} @{name}: invalid UTF-8 at byte {error.start}. Save it as UTF-8."
        ) from error
    for line in text.splitlines():
        if line.strip():
            yield line.strip()


def listed_words(config: MaskingConfig, tokenizer: Tokenizer) -> ListedWords | None:
    """Return the listed words as their tokens; None: the lists are empty.

    Raises:
        ConfigError: a word has no tokens of its own, or is on both lists.
    """
    if not config.never_mask and not config.always_mask:
        return None
    never, always = (
        {ids: word for word in words for ids in _ids_of(word, option, tokenizer)}
        for words, option in (
            (config.never_mask, "--never-mask"),
            (config.always_mask, "--always-mask"),
        )
    )
    for ids, word in never.items():
        if ids in always:
            raise ConfigError(
                f"{word!r} is named by --never-mask and, as {always[ids]!r}, by --always-mask, and "
                f"both have the same tokens. Take it from one of the lists."
            )
    return list_words(never, always, tokenizer.num_ids)


def _ids_of(word: str, option: str, tokenizer: Tokenizer) -> set[tuple[int, ...]]:
    """Return the tokens of a word at the beginning of a text and behind a space."""
    found = set()
    for text in (word, " " + word):
        ids = tuple(tokenizer.backend.encode(text, add_special_tokens=False).ids)
        if not ids or not tokenizer.maskable[list(ids)].all():
            raise ConfigError(
                f"{option} names {word!r}, which the tokenizer does not know "
                f"({' '.join(map(tokenizer.token, ids)) or 'no token'}); expected words of its "
                f"language. Take it from the list."
            )
        found.add(ids)
    return found
