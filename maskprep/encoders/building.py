"""Tokenizers before they have learned anything: normaliser, pre-tokenizer, decoder, template."""

from collections.abc import Mapping

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)

from maskprep.config import TrainingConfig

BERT_ROLES = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
ROBERTA_ROLES = {"cls": "<s>", "pad": "<pad>", "sep": "</s>", "unk": "<unk>", "mask": "<mask>"}
"""Special tokens by role, in the order of their ids, from 0."""

CONTINUATION = "##"
"""What a WordPiece token that continues a word begins with."""


def roles_of(config: TrainingConfig) -> dict[str, str]:
    """Return the special tokens of a model by role, in the order of their ids."""
    return dict(ROBERTA_ROLES if config.model == "bpe" else BERT_ROLES)


def special_tokens_of(config: TrainingConfig) -> list[str]:
    """Return all special tokens in the order of their ids: the model's own, then the asked ones."""
    return list(dict.fromkeys((*roles_of(config).values(), *config.special_tokens)))


def build_tokenizer(model: models.Model, config: TrainingConfig) -> Tokenizer:
    """Put a model into the pipeline that its kind of tokenizer has.

    Args:
        model: with the special tokens as its first ids (or empty, to cut text into words).
        config: kind of model, lower-casing, accents, further special tokens.
    """
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = _normalizer(config)
    if config.model == "wordpiece":
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece(prefix=CONTINUATION)
    elif config.model == "bpe":
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
    else:
        # "first": text behind a special token gets no space that it does not have.
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
        tokenizer.decoder = decoders.Metaspace(prepend_scheme="first")
    tokenizer.post_processor = _template(roles_of(config), config)
    mask = roles_of(config)["mask"]
    # As in RoBERTa and ALBERT, the mask stands for the space before the word as well.
    tokenizer.add_special_tokens(
        [
            AddedToken(token, special=True, lstrip=token == mask and config.model != "wordpiece")
            for token in special_tokens_of(config)
        ]
    )
    return tokenizer


def _normalizer(config: TrainingConfig) -> normalizers.Normalizer | None:
    if config.model == "wordpiece":
        # BertNormalizer strips accents whenever it lower-cases, unless it is told.
        return normalizers.BertNormalizer(
            clean_text=True,
            handle_chinese_chars=True,
            strip_accents=config.strip_accents,
            lowercase=config.lowercase,
        )
    steps: list[normalizers.Normalizer] = []
    if config.model == "unigram":
        # What SentencePiece's nmt_nfkc does: odd white space and control characters, then NFKC.
        steps += [normalizers.Nmt(), normalizers.NFKC()]
    if config.lowercase:
        steps.append(normalizers.Lowercase())
    if config.strip_accents:
        steps += [normalizers.NFD(), normalizers.StripAccents()]
    if config.model == "unigram":
        steps.append(normalizers.Replace(Regex(" {2,}"), " "))
    return normalizers.Sequence(steps) if steps else None


def _template(roles: Mapping[str, str], config: TrainingConfig) -> processors.PostProcessor:
    ids = {token: number for number, token in enumerate(roles.values())}
    cls, sep = roles["cls"], roles["sep"]
    pair = f"{cls} $A {sep} $B:1 {sep}:1"
    if config.model == "bpe":
        pair = f"{cls} $A {sep} {sep} $B {sep}"
    return processors.TemplateProcessing(
        single=f"{cls} $A {sep}",
        pair=pair,
        special_tokens=[(cls, ids[cls]), (sep, ids[sep])],
    )
