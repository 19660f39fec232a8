"""A corpus to a trained tokenizer, canonical to the byte.

The library's own trainers depend on hash order, so words are counted, and merges learned, here;
the result is put into the library's models.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from tokenizers import Tokenizer, models

from maskprep.config import TrainingConfig
from maskprep.encoders.building import CONTINUATION, build_tokenizer, roles_of, special_tokens_of
from maskprep.errors import CorpusError
from maskprep.stages.document_sample import sample_documents
from maskprep.stages.merges import learn_vocabulary
from maskprep.stages.word_counts import WordCounter

_EMPTY_MODELS: dict[str, Callable[[], models.Model]] = {
    "wordpiece": models.WordPiece,
    "bpe": models.BPE,
    "unigram": models.Unigram,
}
_WORDS_A_CALL = 1 << 13


@dataclass(frozen=True)
class TrainedTokenizer:
    """A tokenizer and what it was learned from."""

    tokenizer: Tokenizer
    roles: dict[str, str]
    """Special token of each role: mask, cls, sep, pad, unk."""
    num_documents: int
    num_bytes: int
    """Of text that was learned from."""
    num_words: int
    """Distinct words."""
    num_forgotten: int
    """Occurrences of rare words that were not learned from: distinct ones were too many."""
    unknown_share: float
    """Share of the training text's tokens that are the unknown token."""
    vocab_size: int
    """Less than asked for if the text gave no more."""


def train_tokenizer(batches: Iterable[pa.RecordBatch], config: TrainingConfig) -> TrainedTokenizer:
    """Learn a tokenizer from raw documents; the unit is the line, outer white space removed.

    Args:
        batches: of schema.RAW_DOCUMENTS; how they are cut changes nothing.
        config: what to learn.

    Raises:
        ConfigError: the vocabulary has no room for special tokens and alphabet.
        CorpusError: there is no text.
    """
    counter = WordCounter(config.model)
    return train_on_words(counter, count_documents(batches, config, counter), config)


def count_documents(
    batches: Iterable[pa.RecordBatch], config: TrainingConfig, counter: WordCounter
) -> int:
    """Count the words of raw documents, or of a sample; return how many documents were used.

    Args:
        batches: of schema.RAW_DOCUMENTS.
        config: what to learn.
        counter: counts; added to.
    """
    num_documents = 0
    if config.sample_bytes is not None:
        batches = sample_documents(batches, config.sample_bytes)
    for batch in batches:
        counter.add(batch.column("text"))
        num_documents += batch.num_rows - batch.column("continues").true_count
    return num_documents


def train_on_words(
    counter: WordCounter, num_documents: int, config: TrainingConfig
) -> TrainedTokenizer:
    """Learn a tokenizer from counted words.

    Args:
        counter: of the whole corpus.
        num_documents: that were counted.
        config: what to learn.

    Raises:
        ConfigError: the vocabulary has no room for special tokens and alphabet.
        CorpusError: there is no word.
    """
    words, counts = counter.count_words(build_tokenizer(_EMPTY_MODELS[config.model](), config))
    if not words:
        raise CorpusError(
            f"The corpus holds no text to train on ({num_documents:,} documents, "
            f"{counter.num_bytes:,} bytes, no word). Give files with text."
        )
    tokenizer = build_tokenizer(_learn_model(words, counts, config), config)
    return TrainedTokenizer(
        tokenizer=tokenizer,
        roles=roles_of(config),
        num_documents=num_documents,
        num_bytes=counter.num_bytes,
        num_words=len(words),
        num_forgotten=counter.num_forgotten,
        unknown_share=_unknown_share(tokenizer.model, words, counts, config),
        vocab_size=tokenizer.get_vocab_size(),
    )


def _learn_model(
    words: list[str], counts: NDArray[np.int64], config: TrainingConfig
) -> models.Model:
    unknown = roles_of(config)["unk"]
    if config.model == "unigram":
        # Loaded when it is needed: no other model trains with SentencePiece.
        from maskprep.stages.unigram import learn_pieces  # noqa: PLC0415

        pieces = learn_pieces(words, counts, config)
        return models.Unigram(pieces, special_tokens_of(config).index(unknown))
    merges = learn_vocabulary(words, counts, config)
    vocab = {token: number for number, token in enumerate(merges.tokens)}
    if config.model == "bpe":
        # No unknown token in the model: every byte has one of its own.
        return models.BPE(vocab, merges.pairs)
    return models.WordPiece(vocab, unk_token=unknown, continuing_subword_prefix=CONTINUATION)


def _unknown_share(
    model: models.Model, words: list[str], counts: NDArray[np.int64], config: TrainingConfig
) -> float:
    """Return the share of unknown tokens in the words as often as they occur."""
    if config.model == "bpe":
        return 0.0
    encoder = Tokenizer(model)
    unknown = special_tokens_of(config).index(roles_of(config)["unk"])
    num_tokens = num_unknown = 0
    for start in range(0, len(words), _WORDS_A_CALL):
        some = [[word] for word in words[start : start + _WORDS_A_CALL]]
        encodings = encoder.encode_batch_fast(some, is_pretokenized=True)
        for encoding, count in zip(encodings, counts[start:].tolist(), strict=False):
            num_tokens += count * len(encoding.ids)
            num_unknown += count * encoding.ids.count(unknown)
    return num_unknown / num_tokens if num_tokens else 0.0
