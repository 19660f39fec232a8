"""Sentence borders: Unicode's breaks, repaired."""

# ruff: noqa: RUF001 - letters of other scripts look like Latin ones.

import time
from itertools import pairwise

import icu_sentences
import numpy as np
import pytest
from character_borders import flatten, split_lines
from hypothesis import given
from hypothesis import strategies as st

from maskprep.errors import ConfigError
from maskprep.stages.languages import LANGUAGES
from maskprep.stages.sentences import require_language, split_sentences


def pieces(line, language="auto"):
    borders = [0, *split_lines([line], language)[0], len(line)]
    return [line[begin:end] for begin, end in pairwise(borders)]


@pytest.mark.parametrize(
    ("marked", "language"),
    [
        pytest.param("It rained. |We stayed in. |Did you?", "auto", id="plain"),
        pytest.param("Dr. Brown met Mrs. Hill. |They talked.", "auto", id="titles"),
        pytest.param("J. K. Rowling wrote it. |We read it.", "auto", id="initials"),
        pytest.param("The U.S. Navy sailed. |It came back.", "auto", id="acronym inside"),
        pytest.param("They left the U.S. |He stayed.", "auto", id="acronym last"),
        pytest.param("See No. 5 and Fig. 3. |Then go on.", "auto", id="before a number"),
        pytest.param("He said no. |She said yes.", "auto", id="no without a number"),
        pytest.param("It works for Bolt Inc. |The pay is good.", "auto", id="company last"),
        pytest.param("It fell in 1999. |15 people saw it.", "auto", id="number begins"),
        pytest.param("12. Wash your hands. |Dry them.", "auto", id="list number"),
        pytest.param('"Go!" he said. |She went.', "auto", id="quoted question"),
        pytest.param("go! |now we run.", "auto", id="careless lower case"),
        pytest.param("See http://a.example/?q=1 now. |Good.", "auto", id="web address"),
        pytest.param("Well… |Perhaps not… yet.", "auto", id="ellipsis"),
        pytest.param("Well… — he began. |Then he stopped.", "auto", id="ellipsis and dash"),
        pytest.param("They sailed.[31] |Nobody came back.[32]", "auto", id="note numbers"),
        pytest.param("Luke vi. 13 says so. |Read it.", "auto", id="chapter and verse"),
        pytest.param("А. С. Пушкин писал. |Его читали.", "auto", id="russian initials"),
        pytest.param("Он родился в 1916 г. |Затем уехал.", "auto", id="russian year"),
        pytest.param("Он приехал в г. Орёл утром. |Было рано.", "auto", id="russian town"),
        pytest.param("Am 3. Oktober war frei. |Es regnete.", "auto", id="month ordinal"),
        pytest.param("Die 2. Reihe ist leer. |Setz dich.", "de", id="german ordinal"),
        pytest.param("Wir essen z. B. Brot. |Es schmeckt.", "auto", id="spaced abbreviation"),
        pytest.param("M. Petit et Mme. Roux dansent. |Il pleut.", "fr", id="french"),
        pytest.param("El Sr. Paz llegó. |La Sra. Paz no.", "es", id="spanish"),
        pytest.param("Il dott. Rossi parla. |Tutti tacciono.", "it", id="italian"),
        pytest.param("Mevr. Jansen komt. |Dhr. Smit niet.", "nl", id="dutch"),
        pytest.param("Prof. Nowak mówi. |Ul. Polna śpi.", "pl", id="polish"),
        pytest.param("O Dr. Lima veio. |A Sra. Lima ficou.", "pt", id="portuguese"),
        pytest.param("他走了。|「你好」是她说的。", "zh", id="opening corner bracket"),
        pytest.param("他读了。|《红楼梦》很长。|真的？|是。", "auto", id="opening book bracket"),
        pytest.param("डॉ. वर्मा आए। |सब चुप थे।", "hi", id="hindi"),
        pytest.param("عام 700 ق.م تقريبا. |ثم عاد.", "ar", id="arabic acronym"),
        pytest.param("Τι θέλεις; |Τίποτα.", "el", id="greek question mark"),
        pytest.param("😀 Yes. |No 😀. |Maybe.", "auto", id="beyond the basic plane"),
    ],
)
def test_sentences_begin_where_marked(marked, language):
    assert pieces(marked.replace("|", ""), language) == marked.split("|")


def test_lines_without_an_inner_mark_are_one_sentence():
    assert split_lines(["", " ", "no mark at all", "Один конец.", "终。"]) == [[]] * 5


def test_a_line_break_is_a_border_without_any_mark():
    assert split_lines(["one\ntwo"]) == [[4]]


def test_blank_lines_and_outer_white_space_make_no_sentences():
    assert pieces("\n  One.\n\n \n  Two.\n") == ["\n  One.\n\n \n  ", "Two.\n"]


def test_the_bytes_between_lines_are_of_no_line():
    data = np.frombuffer(b"So. It... Go. On.", np.uint8)
    num_sentences, starts = split_sentences(data, np.array([[0, 7], [10, 17]]), "en")
    assert (num_sentences.tolist(), starts.tolist()) == ([2, 2], [0, 4, 10, 14])
    assert [part.size for part in split_sentences(data, np.empty((0, 2), np.int64))] == [0, 0]


def test_text_of_more_sentences_than_expected_is_split_all_the_same():
    assert split_lines(["A!B?" * 100]) == [list(range(2, 400, 2))]


@pytest.mark.parametrize("language", ["auto", *sorted(LANGUAGES)])
def test_every_language_gets_the_borders_of_icu_and_repairs(language):
    lines = [
        "Α; Β; Γ. 2. Reihe, S. 3, r. 5. z. B. so. card. x, п. 3, d. Med. etc. Als. Et. The. On.",
        "Τι\u037e Τίποτα. U.S. Na? Ja! «Ну». 他说。「好」是；对。Sr. Il. De. Da 3. Oktober.",
    ]
    assert split_lines(lines, language) == icu_sentences.split_sentences(lines, language)


@pytest.mark.parametrize("language", ["auto", "en", "ru", "zh", "pt-BR", "en_US", "deu", "yue"])
def test_codes_of_languages_are_accepted(language):
    require_language(language)


@pytest.mark.parametrize(
    "language", ["", "english", "klingon", "xx", "e n", "en-é", "рус", "-en", "@ss=standard"]
)
def test_other_languages_are_refused(language):
    with pytest.raises(ConfigError, match=r"--language is .*expected auto or an ISO 639 code"):
        split_sentences(*flatten(["a"]), language)


text = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]), st.sampled_from(" .?!…。「」()\"'“”\nA1aЯ😀")
    )
)


@given(text, st.sampled_from(["auto", "de", "el", "zh"]))
def test_pieces_join_to_the_line_and_none_is_empty(line, language):
    found = pieces(line, language)
    assert "".join(found) == line
    assert all(found) or not line
    assert all(piece.strip() for piece in found) or len(found) == 1
    assert not any(piece[0].isspace() for piece in found[1:])
    assert found == pieces(line, language)


@given(text, text)
def test_a_line_break_separates_two_lines(first, second):
    if first.strip() and second.strip():
        second = second.lstrip()
        before, after = split_lines([first + "\n", second])
        whole = split_lines([first + "\n" + second])[0]
        assert whole == [*before, len(first) + 1, *(len(first) + 1 + at for at in after)]


@pytest.mark.parametrize(
    "unit",
    [
        ".",
        ". ",
        "(",
        "((. ",
        ".(",
        '"',
        '."',
        "A. ",
        "1. ",
        "…",
        "… ",
        "。「",
        "?!",
        "A.B.",
        "J. «",
        ". a",
        ".\u0301",
        ".* ",
        "…) ",
        "\n",
        "[3].",
    ],
)
def test_work_grows_with_the_length_alone(unit):
    """A square of the length would take hours."""
    line = (unit * 2_000_000)[:2_000_000]
    data, lines = flatten([line])
    begin = time.perf_counter()
    split_sentences(data, lines)
    assert time.perf_counter() - begin < 10
