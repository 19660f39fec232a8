"""Masked rows against the readable twin, and what holds for every row."""

from dataclasses import replace

import naive
import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from maskprep.config import MaskingConfig
from maskprep.schema import EXAMPLES
from maskprep.stages.listed_words import list_words
from maskprep.stages.masking import MaskingCounts, MaskingVocabulary, mask_examples
from maskprep.stages.unit_lengths import length_thresholds, unit_length_shares

UNK, CLS, SEP, MASK = 1, 2, 3, 4
SPECIALS = [0, UNK, CLS, SEP, MASK]
UNUSED = [5, 6]
VOCABULARY = MaskingVocabulary(
    mask_id=MASK,
    maskable=~np.isin(np.arange(40), SPECIALS),
    replacement_pool=np.arange(7, 40, dtype=np.int32),
)
CASES = settings(deadline=None, max_examples=60)

PIECES = st.lists(
    st.tuples(st.one_of(st.integers(5, 39), st.sampled_from([UNK, SEP])), st.booleans()),
    max_size=24,
)
ROWS = st.lists(st.tuples(st.integers(0, 2**63 - 1), PIECES), max_size=8)


def possible_ways(unit, ways):
    """Return the settings, but for a selection that there is not for units of several words."""
    is_possible = unit in ("token", "word") or ways.get("selection") != "rounded"
    return ways if is_possible else {**ways, "selection": "exact"}


CONFIGS = st.builds(
    lambda p, mask, rest, unit, seed, ways: MaskingConfig(
        mlm_probability=p / 2 if unit in ("ngram", "span") else p,
        mask_replace_prob=mask,
        random_replace_prob=(1 - mask) * rest,
        unit=unit,
        seed=seed,
        **possible_ways(unit, ways),
    ),
    st.one_of(st.floats(0.01, 1), st.sampled_from([1e-9, 0.15, 1.0])),
    st.one_of(st.floats(0, 1), st.just(0.8)),
    st.one_of(st.floats(0, 1), st.just(0.5)),
    st.sampled_from(["token", "word", "ngram", "span"]),
    st.integers(0, 2**64 - 1),
    st.fixed_dictionaries(
        {},
        optional={
            "max_ngram": st.integers(1, 6),
            "corrupt_per": st.sampled_from(["unit", "token"]),
            "selection": st.sampled_from(["exact", "bernoulli", "rounded"]),
            "replace_with": st.sampled_from(["any", "other"]),
            "max_predictions": st.integers(1, 8),
        },
    ),
)
FREQUENCIES = st.one_of(
    st.none(),
    st.lists(st.integers(0, 9), min_size=40, max_size=40).map(lambda counts: [*counts[:38], 3, 5]),
)
EPOCHS = st.one_of(st.integers(0, 3), st.just(2**24 - 1))


def examples_of(rows):
    ids = [[token for token, _ in pieces] for _, pieces in rows]
    columns = {
        "example_id": [example for example, _ in rows],
        "document_id": list(range(len(rows))),
        "document_id_b": list(range(len(rows))),
        "input_ids": ids,
        "token_type_ids": [[0] * len(row) for row in ids],
        "word_starts": [[begins for _, begins in pieces] for _, pieces in rows],
        "next_sentence_label": [0] * len(rows),
    }
    arrays = [pa.array(columns[field.name], field.type) for field in EXAMPLES]
    return pa.record_batch(arrays, schema=EXAMPLES)


def mask(batch, config, epoch=0):
    counts = MaskingCounts()
    return mask_examples(batch, VOCABULARY, config, epoch, counts), counts


def starts_of(pieces, config, example, epoch):
    """Return where the units of a row begin, by the twins."""
    ids, starts = [token for token, _ in pieces], [begins for _, begins in pieces]
    if config.unit == "token":
        return [True] * len(ids)
    if config.unit == "word":
        return starts
    lengths = unit_length_shares(config).size
    thresholds = length_thresholds(config).reshape(-1, lengths).tolist()
    return naive.cut_units(
        ids, starts, example, VOCABULARY.maskable, config.seed, epoch, thresholds
    )


def units_of(pieces, config, example, epoch):
    """Return the chosen units, whether one was forced, and how many before they were cut."""
    starts = starts_of(pieces, config, example, epoch)
    row = [token for token, _ in pieces], starts, example, VOCABULARY.maskable, config.seed, epoch
    probability = round(config.mlm_probability * 2**32)
    if config.selection == "bernoulli":
        units, is_forced = naive.choose_each_unit(*row, (probability, config.units_apart)), False
    elif config.units_apart:
        units, is_forced = naive.choose_units_apart(*row, probability)
    else:
        budget = None
        if config.selection == "rounded":
            maskable = sum(bool(VOCABULARY.maskable[token]) for token, _ in pieces)
            budget = naive.rounded_count(config.mlm_probability, len(pieces), maskable)
        units, is_forced = naive.choose_units(*row, probability, budget=budget)
    before = sum(map(len, units))
    if config.max_predictions is not None:
        units = naive.cut_selection(units, example, config.seed, epoch, config.max_predictions)
    return units, is_forced, before


@CASES
@given(rows=ROWS, config=CONFIGS, epoch=EPOCHS, frequencies=FREQUENCIES)
def test_masked_rows_and_counts_are_those_of_the_twin(rows, config, epoch, frequencies):
    vocabulary, pool, seen = VOCABULARY, VOCABULARY.replacement_pool.tolist(), None
    if frequencies is not None:
        vocabulary = VOCABULARY.with_frequencies(np.array(frequencies))
        pool = [token for token in pool if frequencies[token]]
        seen = [frequencies[token] for token in pool]
    counts = MaskingCounts()
    masked = mask_examples(examples_of(rows), vocabulary, config, epoch, counts)
    thresholds = [
        round(config.mask_replace_prob * 2**32),
        round((config.mask_replace_prob + config.random_replace_prob) * 2**32),
    ]
    forced, cut, rows_cut, without, actions = 0, 0, 0, 0, np.zeros(3, int)
    for row, (example, pieces) in zip(masked.to_pylist(), rows, strict=True):
        ids = [token for token, _ in pieces]
        units, is_forced, before = units_of(pieces, config, example, epoch)
        chosen = {t for unit in units for t in unit}
        if config.corrupt_per == "token":
            units = [[t] for t in chosen]
        corrupted, row_actions = naive.replace_tokens(
            *(ids, units, example, pool, config.seed, epoch, MASK, thresholds),
            *(seen, config.replace_with == "other"),
        )
        assert row["input_ids"] == corrupted
        assert row["loss_mask"] == [t in chosen for t in range(len(ids))]
        assert row["epoch"] == epoch
        forced += is_forced
        cut += before - len(chosen)
        rows_cut += before > len(chosen)
        without += not chosen and any(VOCABULARY.maskable[token] for token in ids)
        actions += row_actions
    assert counts.rows_forced == forced
    assert (counts.predictions_cut, counts.rows_cut) == (cut, rows_cut)
    assert counts.rows_without_selection == without
    assert [counts.masked_tokens, counts.replaced_tokens, counts.kept_tokens] == actions.tolist()
    maskable = [bool(VOCABULARY.maskable[token]) for _, pieces in rows for token, _ in pieces]
    assert counts.maskable_tokens == sum(maskable)
    assert counts.rows == len(rows)
    assert counts.tokens == sum(len(pieces) for _, pieces in rows)


@CASES
@given(rows=ROWS, config=CONFIGS)
def test_units_are_whole_words_of_one_stretch_and_do_not_touch(rows, config):
    if not config.units_apart:
        return
    masked, _ = mask(examples_of(rows), config)
    most = unit_length_shares(config).size
    for row, (example, pieces) in zip(masked.to_pylist(), rows, strict=True):
        ids, starts = [token for token, _ in pieces], [begins for _, begins in pieces]
        words = naive.list_units(ids, starts, VOCABULARY.maskable)
        cut = starts_of(pieces, config, example, 0)
        assert all(
            not begins or any(word[0] == t for word in words) for t, begins in enumerate(cut)
        )
        chosen = [word for word in words if row["loss_mask"][word[0]]]
        assert sum(map(len, chosen)) == sum(row["loss_mask"])
        runs = []
        for word in chosen:
            if runs and runs[-1][-1][-1] + 1 == word[0]:
                runs[-1].append(word)
            else:
                runs.append([word])
        assert all(len(run) <= most for run in runs)
        if config.corrupt_per == "unit":
            for run in runs:
                assert len({row["input_ids"][t] == MASK for word in run for t in word}) == 1


@CASES
@given(rows=ROWS, config=CONFIGS, data=st.data())
def test_any_slicing_of_a_batch_gives_the_same_rows(rows, config, data):
    batch = examples_of(rows)
    whole, counts = mask(batch, config)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=4)))
    pieces, summed = [], MaskingCounts()
    for start, stop in zip([0, *cuts], [*cuts, len(rows)], strict=True):
        part = batch.slice(start, stop - start)
        pieces.append(mask_examples(part, VOCABULARY, config, 0, summed))
    assert pa.concat_batches(pieces) == pa.concat_batches([whole])
    assert summed == counts


@CASES
@given(rows=ROWS, config=CONFIGS)
def test_targets_restore_the_row_and_only_chosen_tokens_change(rows, config):
    batch = examples_of(rows)
    masked, _ = mask(batch, config)
    assert masked.column("target_ids") == batch.column("input_ids")
    for row in masked.to_pylist():
        for token, target, chosen in zip(
            row["input_ids"], row["target_ids"], row["loss_mask"], strict=True
        ):
            assert chosen or token == target
            assert not chosen or target not in SPECIALS
            assert token in (target, MASK) or token in VOCABULARY.replacement_pool
            assert token == target or token not in UNUSED


@CASES
@given(rows=ROWS, config=CONFIGS)
def test_a_word_is_chosen_whole_or_not_at_all_and_gets_one_action(rows, config):
    masked, _ = mask(examples_of(rows), MaskingConfig(unit="word", seed=config.seed))
    for row, (_, pieces) in zip(masked.to_pylist(), rows, strict=True):
        ids = [token for token, _ in pieces]
        starts = [begins for _, begins in pieces]
        for unit in naive.list_units(ids, starts, VOCABULARY.maskable):
            assert len({row["loss_mask"][t] for t in unit}) == 1
            assert len({row["input_ids"][t] == MASK for t in unit}) == 1


@CASES
@given(rows=ROWS, config=CONFIGS)
def test_every_row_with_maskable_tokens_has_a_target(rows, config):
    config = replace(config, selection="exact", max_predictions=None)
    masked, counts = mask(examples_of(rows), config)
    without = 0
    for row in masked.to_pylist():
        has_maskable = any(VOCABULARY.maskable[token] for token in row["target_ids"])
        assert any(row["loss_mask"]) == has_maskable
        without += not has_maskable
    assert counts.rows_without_maskable_tokens == without


@CASES
@given(rows=ROWS, config=CONFIGS)
def test_all_forms_of_the_targets_say_the_same(rows, config):
    batch = examples_of(rows)

    def rows_as(columns):
        return mask(batch, MaskingConfig(columns=columns, seed=config.seed))[0].to_pylist()

    forms = zip(*map(rows_as, ("loss-mask", "labels", "positions", "keras")), strict=True)
    for plain, labelled, positioned, keras in forms:
        chosen = [t for t, is_chosen in enumerate(plain["loss_mask"]) if is_chosen]
        targets = [plain["target_ids"][t] for t in chosen]
        labels = [-100] * len(plain["input_ids"])
        for t, target in zip(chosen, targets, strict=True):
            labels[t] = target
        assert labelled["labels"] == labels
        assert positioned["masked_lm_positions"] == keras["mask_positions"] == chosen
        assert positioned["masked_lm_ids"] == keras["mask_ids"] == targets
        assert keras["mask_weights"] == [1.0] * len(chosen)
        assert keras["padding_mask"] == [True] * len(labels)
        assert keras["token_ids"] == positioned["input_ids"] == plain["input_ids"]
        assert labelled["input_ids"] == plain["input_ids"]


WORDS = st.lists(st.integers(7, 10), min_size=1, max_size=3).map(tuple)
SMALL_ROWS = st.lists(
    st.tuples(
        st.integers(0, 2**63 - 1),
        st.lists(
            st.tuples(st.one_of(st.integers(7, 10), st.sampled_from([UNK, SEP])), st.booleans()),
            max_size=24,
        ),
    ),
    max_size=8,
)


@CASES
@given(rows=SMALL_ROWS, config=CONFIGS, never=st.sets(WORDS), always=st.sets(WORDS))
def test_listed_words_are_never_and_always_selected(rows, config, never, always):
    """The rest is masked as if listed words were special tokens."""
    config = replace(config, max_predictions=None)
    always -= never
    vocabulary = replace(VOCABULARY, listed=list_words(never, always, 40))
    counts = MaskingCounts()
    masked = mask_examples(examples_of(rows), vocabulary, config, 0, counts)
    found = {True: 0, False: 0}
    others = []
    for _, (example, pieces) in zip(masked.to_pylist(), rows, strict=True):
        ids, starts = [token for token, _ in pieces], [begins for _, begins in pieces]
        listed = naive.find_listed(ids, starts, VOCABULARY.maskable, {*never, *always})
        others.append((example, list(pieces)))
        for place in listed:
            found[tuple(ids[t] for t in place) in never] += len(place)
            for t in place:
                others[-1][1][t] = (SEP, True)
    assert (counts.never_tokens, counts.always_tokens) == (found[True], found[False])
    unlisted, _ = mask(examples_of(others), config)
    for row, rest, (_, pieces), (_, left) in zip(
        masked.to_pylist(), unlisted.to_pylist(), rows, others, strict=True
    ):
        ids, starts = [token for token, _ in pieces], [begins for _, begins in pieces]
        expected = list(rest["loss_mask"])
        for place in naive.find_listed(ids, starts, VOCABULARY.maskable, {*never, *always}):
            word = tuple(ids[t] for t in place)
            for t in place:
                expected[t] = word in always
            if config.corrupt_per == "unit":
                assert len({row["input_ids"][t] == MASK for t in place}) == 1
        assert row["loss_mask"] == expected
        assert row["target_ids"] == ids
        for t, (token, _) in enumerate(left):
            if token != SEP:
                assert row["input_ids"][t] == rest["input_ids"][t]
    maskable = [bool(VOCABULARY.maskable[token]) for _, pieces in rows for token, _ in pieces]
    assert counts.maskable_tokens == sum(maskable)
