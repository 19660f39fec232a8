"""Every column of every stage: name, type, and meaning, once.

`documents` -> `examples` -> `masked`: what a row holds between the stages. The meaning travels in
each field's metadata, so `maskprep inspect` and `docs/reference/columns.md` say the same.
Ids are int64 and not negative, because PyTorch has no collator for unsigned ids.
Fields are nullable (and never null), because `datasets` trusts its typed features only then.
"""

import json
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import pyarrow as pa

from maskprep.config import Columns

SCHEMA_VERSION = 1
IGNORED_LABEL = -100
"""What `labels` holds where nothing is predicted: the ignore index of PyTorch's losses."""


def _field(name: str, dtype: pa.DataType, meaning: str) -> pa.Field:
    return pa.field(name, dtype, metadata={"meaning": meaning})


DOCUMENT_ID = _field(
    "document_id", pa.int64(), "hash of the source's name and the document's place in it"
)
DOCUMENT_PART = _field(
    "document_part",
    pa.int32(),
    "0; a document over 1,048,576 tokens goes on in the next rows as part 1, 2, ...",
)
DOCUMENT_TOKENS = _field("input_ids", pa.list_(pa.int32()), "the tokens, no special tokens")
SENTENCE_LENGTHS = _field(
    "sentence_lengths", pa.list_(pa.int32()), "tokens per sentence; sums to the row's tokens"
)
WORD_STARTS = _field(
    "word_starts",
    pa.list_(pa.bool_()),
    "a word begins here; also true at special tokens and at a segment's first token",
)
EXAMPLE_ID = _field(
    "example_id", pa.int64(), "stable name of the example: its document and its place there"
)
DOCUMENT_ID_A = _field("document_id", pa.int64(), "document that segment A comes from")
DOCUMENT_ID_B = _field("document_id_b", pa.int64(), "document that segment B comes from")
EXAMPLE_TOKENS = _field("input_ids", pa.list_(pa.int32()), "the tokens, special tokens included")
TOKEN_TYPE_IDS = _field("token_type_ids", pa.list_(pa.int8()), "segment of each token: 0 or 1")
NEXT_SENTENCE_LABEL = _field(
    "next_sentence_label", pa.int64(), "0: B follows A in the text; 1: B is random"
)
SENTENCE_ORDER_LABEL = _field(
    "sentence_order_label", pa.int64(), "0: A and B in their original order; 1: swapped"
)
FIRST_DOCUMENT_ID = _field("document_id", pa.int64(), "first document in the row")
SEQUENCE_LENGTHS = _field(
    "sequence_lengths",
    pa.list_(pa.int32()),
    "tokens of each document in the row, special tokens included; sums to the row's tokens",
)
EPOCH = _field("epoch", pa.int32(), "which masking of the same example; no shard holds two")
CORRUPTED_TOKENS = _field(
    "input_ids", pa.list_(pa.int32()), "what the model sees: some tokens masked or replaced"
)
TARGET_IDS = _field("target_ids", pa.list_(pa.int32()), "the original tokens")
LOSS_MASK = _field(
    "loss_mask", pa.list_(pa.bool_()), "true where the loss counts: at every selected token"
)
LABELS = _field(
    "labels", pa.list_(pa.int64()), "the original token where the loss counts, else -100"
)
MASKED_LM_POSITIONS = _field(
    "masked_lm_positions", pa.list_(pa.int32()), "positions of the selected tokens, ascending"
)
MASKED_LM_IDS = _field(
    "masked_lm_ids", pa.list_(pa.int32()), "the original tokens at these positions"
)
ATTENTION_MASK = _field(
    "attention_mask", pa.list_(pa.int8()), "1 at every token of the row, 0 at padding"
)
MASKED_LM_WEIGHTS = _field(
    "masked_lm_weights",
    pa.list_(pa.float32()),
    "1.0 for each selected position, 0.0 where positions and ids are padded with 0",
)
KERAS_TOKEN_IDS = _field("token_ids", pa.list_(pa.int32()), "keras-hub's name of input_ids")
KERAS_SEGMENT_IDS = _field("segment_ids", pa.list_(pa.int8()), "keras-hub's name of token_type_ids")
KERAS_PADDING_MASK = _field("padding_mask", pa.list_(pa.bool_()), "true at every token of the row")
KERAS_MASK_POSITIONS = _field(
    "mask_positions", pa.list_(pa.int32()), "keras-hub's name of masked_lm_positions"
)
KERAS_MASK_IDS = _field("mask_ids", pa.list_(pa.int32()), "keras-hub's name of masked_lm_ids")
KERAS_MASK_WEIGHTS = _field(
    "mask_weights", pa.list_(pa.float32()), "1.0 for each selected position"
)


class PredictionLists(NamedTuple):
    """Names of columns with a value for each selected token, in one form of targets."""

    positions: str
    ids: str
    weights: str


PREDICTION_LISTS = (
    PredictionLists("masked_lm_positions", "masked_lm_ids", "masked_lm_weights"),
    PredictionLists("mask_positions", "mask_ids", "mask_weights"),
)

DOCUMENTS = pa.schema([DOCUMENT_ID, DOCUMENT_PART, DOCUMENT_TOKENS, SENTENCE_LENGTHS, WORD_STARTS])

ExampleKind = Literal["nsp", "sop", "packed", "segments"]
"""What an example is: a pair with one of two labels, a sequence without pairs, or a sequence of one
document that may be divided in two segments, without a label."""

PACKED_KINDS: tuple[ExampleKind, ...] = ("packed", "segments")
"""Those that `maskprep pack` makes."""

_PAIR = [EXAMPLE_ID, DOCUMENT_ID_A, DOCUMENT_ID_B, EXAMPLE_TOKENS, TOKEN_TYPE_IDS, WORD_STARTS]
_EXAMPLES: dict[ExampleKind, pa.Schema] = {
    "nsp": pa.schema([*_PAIR, NEXT_SENTENCE_LABEL]),
    "sop": pa.schema([*_PAIR, SENTENCE_ORDER_LABEL]),
    "packed": pa.schema(
        [EXAMPLE_ID, FIRST_DOCUMENT_ID, EXAMPLE_TOKENS, WORD_STARTS, SEQUENCE_LENGTHS]
    ),
    "segments": pa.schema(
        [
            *(EXAMPLE_ID, FIRST_DOCUMENT_ID, EXAMPLE_TOKENS, TOKEN_TYPE_IDS),
            *(WORD_STARTS, SEQUENCE_LENGTHS),
        ]
    ),
}
EXAMPLES = _EXAMPLES["nsp"]


def examples_schema(kind: ExampleKind) -> pa.Schema:
    """Return the columns of one kind of examples."""
    return _EXAMPLES[kind]


def kind_of_examples(names: Iterable[str]) -> ExampleKind:
    """Tell the kind of examples from the names of some columns; pairs where nothing says."""
    found = set(names)
    if "sequence_lengths" in found:
        return "packed" if found.isdisjoint(_SEGMENT_COLUMNS) else "segments"
    return "sop" if "sentence_order_label" in found else "nsp"


_MASKED_COLUMNS: dict[Columns, list[pa.Field]] = {
    "loss-mask": [CORRUPTED_TOKENS, TOKEN_TYPE_IDS, TARGET_IDS, LOSS_MASK],
    "labels": [CORRUPTED_TOKENS, TOKEN_TYPE_IDS, LABELS],
    "positions": [CORRUPTED_TOKENS, TOKEN_TYPE_IDS, MASKED_LM_POSITIONS, MASKED_LM_IDS],
    "keras": [
        KERAS_TOKEN_IDS,
        KERAS_SEGMENT_IDS,
        KERAS_PADDING_MASK,
        KERAS_MASK_POSITIONS,
        KERAS_MASK_IDS,
        KERAS_MASK_WEIGHTS,
    ],
}


def masked_schema(
    columns: Columns,
    keep: tuple[str, ...] = (),
    kind: ExampleKind = "nsp",
    *,
    padded: bool = False,
) -> pa.Schema:
    """Return the columns of masked examples.

    Args:
        columns: which form the targets take.
        keep: names of further example columns that are carried along.
        kind: of the examples. "packed" ones have no segments, and so no token types.
        padded: all rows have one length, and say where their tokens end.
    """
    examples = _EXAMPLES[kind]
    carried = [examples.field(name) for name in keep]
    ids = [field for field in examples if field.name in _IDS]
    made = _MASKED_COLUMNS[columns]
    if kind == "packed":
        made = [field for field in made if field.name not in _SEGMENT_COLUMNS]
    if padded:
        made = _padded_columns(made)
    described = [field for field in examples if field.name in _PASSED_ON]
    return pa.schema(ids + made + described + [EPOCH] + carried)


def _padded_columns(made: list[pa.Field]) -> list[pa.Field]:
    """Return the columns of targets with those that only padded rows need, as trainers name them.

    What keras-hub takes says it already.
    """
    names = [field.name for field in made]
    if "padding_mask" in names:
        return made
    place = 1 + names.index("token_type_ids" if "token_type_ids" in names else "input_ids")
    weights = [MASKED_LM_WEIGHTS] if "masked_lm_positions" in names else []
    return [*made[:place], ATTENTION_MASK, *made[place:], *weights]


_ALL_COLUMNS = (
    *(field for schema in (DOCUMENTS, *_EXAMPLES.values()) for field in schema),
    *(field for fields in _MASKED_COLUMNS.values() for field in _padded_columns(fields)),
    EPOCH,
)
COLUMN_TYPES: dict[str, pa.DataType] = {field.name: field.type for field in _ALL_COLUMNS}
"""The type of every column that any stage writes; a name has one."""

_IDS = ("example_id", "document_id", "document_id_b")
_SEGMENT_COLUMNS = ("token_type_ids", "segment_ids")
_PASSED_ON = ("sequence_lengths", "next_sentence_label", "sentence_order_label")


RAW_DOCUMENTS = pa.schema(
    [
        _field("document_id", pa.int64(), DOCUMENT_ID.metadata[b"meaning"].decode()),
        _field(
            "continues",
            pa.bool_(),
            "true where this row's text goes on where the row before it stopped (long documents)",
        ),
        _field("text", pa.large_string(), "the document's text, or a run of whole lines of it"),
    ]
)
"""What `storage.corpus` hands to tokenization and training; never written to disk."""


WORD_BORDERS = _field(
    "word_borders", pa.large_list(pa.int64()), "bytes of the text at which a given word begins"
)
"""A further column of RAW_DOCUMENTS where the corpus says what words are (`--words`)."""


def documents_schema(id_column: str | None) -> pa.Schema:
    """Return the columns of documents, with the corpus's own id beside ours if it has one."""
    if id_column is None:
        return DOCUMENTS
    return DOCUMENTS.append(_field(id_column, pa.string(), "the id that the corpus gives"))


def with_metadata(schema: pa.Schema, record: dict[str, Any]) -> pa.Schema:
    """Return the schema with what a shard says of itself.

    Args:
        schema: any of this module.
        record: stage, lineage, settings, tokenizer: stored as JSON under `maskprep`.

    The features that `datasets` reads stand under `huggingface`; lists are `Sequence` there, the
    one name that old and new versions of the library know.
    """
    features = {"info": {"features": {field.name: _feature(field) for field in schema}}}
    return schema.with_metadata(
        {
            "maskprep": json.dumps({"schema_version": SCHEMA_VERSION, **record}, sort_keys=True),
            "huggingface": json.dumps(features),
        }
    )


_LABEL_NAMES = {
    "next_sentence_label": ["is_next", "random"],
    "sentence_order_label": ["original", "swapped"],
}


def _feature(field: pa.Field) -> dict[str, Any]:
    if field.name in _LABEL_NAMES:
        return {"names": _LABEL_NAMES[field.name], "_type": "ClassLabel"}
    if pa.types.is_list(field.type):
        element = {"dtype": _dtype_name(field.type.value_type), "_type": "Value"}
        return {"feature": element, "_type": "Sequence"}
    return {"dtype": _dtype_name(field.type), "_type": "Value"}


def _dtype_name(dtype: pa.DataType) -> str:
    return {"float": "float32"}.get(str(dtype), str(dtype))
