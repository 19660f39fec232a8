"""Unigram vocabularies from counted words, learned by SentencePiece.

`tokenizers` has a trainer too, but it walks over words in hash order: three runs over one text
gave three orders of tokens and three sets of scores. SentencePiece on one thread, given the words
in a fixed order, gives the same model every time.
"""

import io
import re
from collections.abc import Iterator, Sequence

import numpy as np
import sentencepiece
from numpy.typing import NDArray

from maskprep.config import TrainingConfig
from maskprep.encoders.building import special_tokens_of
from maskprep.stages.merges import choose_alphabet, require_room

_LONGEST_SENTENCE = 256
"""Characters; longer words are cut. Above 4,192 bytes SentencePiece would leave them out."""
_LEAST_COVERAGE = 0.98
"""Below it SentencePiece refuses to leave characters out itself."""
_ERRORS_ONLY = 2
_ANY = re.compile(".+", re.DOTALL)
_NO_WORD = "no word"
"""Words hold no space."""
_DECIMALS = 6
"""More would not survive `tokenizers`, which reads long decimals one bit off."""


def learn_pieces(
    words: Sequence[str], counts: NDArray[np.int64], config: TrainingConfig
) -> list[tuple[str, float]]:
    """Learn a Unigram vocabulary; `min_frequency` has no meaning for it.

    Args:
        words: distinct words, sorted, each with the sign for a space in front.
        counts: int64 [words].
        config: size, coverage, special tokens.

    Returns:
        Tokens and their log-probabilities in the order of their ids: special tokens (0.0), then
        the most likely first, ties by bytes.

    Raises:
        ConfigError: the vocabulary has no room for special tokens and alphabet.
    """
    special = special_tokens_of(config)
    alphabet = choose_alphabet(words, counts, config.character_coverage)
    # SentencePiece wants one token more than the characters it must have.
    require_room(len(special) + len(alphabet) + 1, len(special), config)
    coverage, known = config.character_coverage, _ANY
    if coverage < _LEAST_COVERAGE:
        coverage, known = 1.0, re.compile(f"[{re.escape(''.join(alphabet))}]+")
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=_sentences(words, counts, known),
        input_format="tsv",
        model_writer=model,
        model_type="unigram",
        vocab_size=config.vocab_size - len(special) + 1,  # its own <unk>, dropped below
        hard_vocab_limit=False,
        character_coverage=coverage,
        num_threads=1,  # the sums of the EM algorithm depend on how words are dealt to threads
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        unk_id=0,
        unk_piece=_NO_WORD,  # SentencePiece takes its name out of the text before it learns
        bos_id=-1,
        eos_id=-1,
        pad_id=-1,
        minloglevel=_ERRORS_ONLY,
    )
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    pieces = [
        (processor.id_to_piece(number), round(float(processor.get_score(number)), _DECIMALS))
        for number in range(1, processor.get_piece_size())
    ]
    pieces.sort(key=lambda piece: (-piece[1], piece[0].encode()))
    learned = [piece for piece in pieces if piece[0] not in special]
    return [(token, 0.0) for token in special] + learned


def _sentences(
    words: Sequence[str], counts: NDArray[np.int64], known: re.Pattern[str]
) -> Iterator[str]:
    """Yield "word<TAB>count" lines, of the known parts of words."""
    for word, count in zip(words, counts.tolist(), strict=True):
        for start in range(0, len(word), _LONGEST_SENTENCE):
            for part in known.findall(word[start : start + _LONGEST_SENTENCE]):
                yield f"{part}\t{count}"
