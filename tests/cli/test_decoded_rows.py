"""Rows made readable, in colour and without."""

import io

import pytest
from rich.console import Console

from maskprep.cli import decoded_rows
from maskprep.cli.decoded_rows import Vocabulary, colour_row, plain_row

TOKENS = {
    **dict(enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])),
    **dict(enumerate(["the", "cat", "##s", "sat", "they", "slept", "dog"], start=10)),
}
WORDPIECE = Vocabulary(TOKENS.get, frozenset(range(5)), mask_id=4)
# "The cats sat", "They slept": cat masked, ##s kept, they replaced by dog.
SEEN = [2, 10, 4, 12, 13, 3, 16, 15, 3]
ORIGINAL = [2, 10, 11, 12, 13, 3, 14, 15, 3]
SEGMENTS = [0, 0, 0, 0, 0, 0, 1, 1, 1]
PAIR = {"input_ids": SEEN, "token_type_ids": SEGMENTS, "next_sentence_label": 0}
FORMS = {
    "loss-mask": PAIR
    | {"target_ids": ORIGINAL, "loss_mask": [at in (2, 3, 6) for at in range(len(SEEN))]},
    "labels": PAIR | {"labels": [-100, -100, 11, 12, -100, -100, 14, -100, -100]},
    "positions": PAIR | {"masked_lm_positions": [2, 3, 6], "masked_lm_ids": [11, 12, 14]},
    "keras": {
        "token_ids": SEEN,
        "segment_ids": SEGMENTS,
        "padding_mask": [True] * len(SEEN),
        "mask_positions": [2, 3, 6],
        "mask_ids": [11, 12, 14],
        "mask_weights": [1.0] * 3,
        "next_sentence_label": 0,
    },
}
PLAIN = (
    "A: [CLS] the [MASK]{cat}##s{##s} sat [SEP] B: dog{they} slept [SEP]"
    "      predict: cat ##s they      next sentence: yes"
)


def styled(text):
    """Return the styles of each run of characters, e.g. {"[MASK]": "bold yellow"}."""
    return {text.plain[span.start : span.end]: str(span.style) for span in text.spans}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_columns_reads_the_same(form):
    assert plain_row(FORMS[form], WORDPIECE) == PLAIN


def test_kept_tokens_of_the_examples_are_not_shown_for_what_the_model_sees():
    assert plain_row(FORMS["keras"] | {"input_ids": ORIGINAL}, WORDPIECE) == PLAIN


def test_padding_is_not_shown_but_told():
    padded = FORMS["labels"] | {
        "input_ids": [*SEEN, 0, 0],
        "token_type_ids": [*SEGMENTS, 0, 0],
        "labels": [*FORMS["labels"]["labels"], -100, -100],
        "attention_mask": [1] * len(SEEN) + [0, 0],
    }
    assert plain_row(padded, WORDPIECE) == PLAIN + "      padding: 2 tokens"
    positions = FORMS["positions"] | {
        "masked_lm_positions": [2, 3, 6, 0],
        "masked_lm_ids": [11, 12, 14, 0],
        "masked_lm_weights": [1.0, 1.0, 1.0, 0.0],
    }
    assert plain_row(positions, WORDPIECE) == PLAIN


def test_each_role_and_segment_has_its_colour():
    text = colour_row(FORMS["loss-mask"], WORDPIECE)
    assert text.plain == (
        "[CLS] the [MASK]##s sat [SEP] they→dog slept [SEP]"
        "      predict: cat ##s they      next sentence: yes"
    )
    styles = styled(text)
    assert styles["[MASK]"] == decoded_rows.STYLES["masked"]
    assert styles["##s"] == decoded_rows.STYLES["kept"]
    assert styles["dog"] == decoded_rows.STYLES["replaced"]
    assert styles["slept"] == decoded_rows.SEGMENT_STYLES[1]
    assert styles["[CLS]"] == "dim"
    assert "sat" not in styles


def test_examples_show_their_labels_and_nothing_predicted():
    row = {"input_ids": ORIGINAL, "token_type_ids": SEGMENTS, "next_sentence_label": 1}
    assert plain_row(row, WORDPIECE) == (
        "A: [CLS] the cat##s sat [SEP] B: they slept [SEP]      next sentence: no"
    )
    swapped = {"input_ids": ORIGINAL, "token_type_ids": SEGMENTS, "sentence_order_label": 1}
    assert plain_row(swapped, WORDPIECE).endswith("      sentence order: swapped")


def test_documents_show_their_sentences_and_packed_rows_their_documents():
    tokens = [10, 11, 12, 13, 14, 15]
    assert plain_row({"input_ids": tokens, "sentence_lengths": [4, 2]}, WORDPIECE) == (
        "the cat##s sat | they slept"
    )
    packed = {"input_ids": [2, 10, 11, 3, 2, 14, 15, 3], "sequence_lengths": [4, 4]}
    assert plain_row(packed, WORDPIECE) == "[CLS] the cat [SEP] | [CLS] they slept [SEP]"
    assert colour_row(packed, WORDPIECE).plain == plain_row(packed, WORDPIECE)
    divided = {"input_ids": [2, 10, 11, 3, 14, 15, 3], "sequence_lengths": [7]}
    divided["token_type_ids"] = [0, 0, 0, 0, 1, 1, 1]
    assert plain_row(divided, WORDPIECE) == "A: [CLS] the cat [SEP] B: they slept [SEP]"


def vocabulary(tokens, special_ids=(), mask_id=None):
    return Vocabulary(dict(enumerate(tokens)).get, frozenset(special_ids), mask_id)


def test_byte_level_tokens_are_shown_as_text():
    tokens = ["<s>", "</s>", "<mask>", "A", "Ġcaf", "Ã©", "Ċ", "ĠðŁ", "s"]
    row = {"input_ids": [0, 3, 4, 5, 6, 2, 2, 1], "labels": [-100] * 5 + [7, 8, -100]}
    assert plain_row(row, vocabulary(tokens, (0, 1, 2), 2)) == (
        "<s> A café\\n <mask>{\\xf0\\x9f}<mask>{s} </s>      predict: \\xf0\\x9f s"
    )


def test_metaspace_tokens_are_shown_as_text():
    tokens = ["<s>", "▁the", "▁cat", "s", "▁"]
    row = {"input_ids": [0, 1, 2, 3, 4, 3]}
    assert plain_row(row, vocabulary(tokens, (0,))) == "<s> the cats s"


def test_an_id_without_a_token_and_control_characters_are_spelled_out():
    assert plain_row({"input_ids": [0, 7]}, vocabulary(["a\x1b[31m"])) == "a\\x1b[31m <id 7>"


def test_an_empty_row_is_an_empty_line():
    assert plain_row({"input_ids": []}, WORDPIECE) == ""
    assert colour_row({"input_ids": []}, WORDPIECE).plain == ""


def test_legends_name_every_role_and_fit_html():
    legend = decoded_rows.colour_legend()
    assert legend.plain == (
        "masked   original→replaced   kept but predicted   segment A   segment B   special"
    )
    assert "[MASK]{cat} masked" in decoded_rows.plain_legend()
    console = Console(record=True, file=io.StringIO(), width=200)
    console.print(legend)
    console.print(colour_row(FORMS["labels"], WORDPIECE))
    page = console.export_html()
    assert "[MASK]" in page
    assert "slept" in page
