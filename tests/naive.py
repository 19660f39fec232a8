"""Readable plain-Python twins of the kernels: what each must compute, without speed."""

import itertools
import re
from collections import Counter
from collections.abc import Callable
from typing import Any


def find_documents(data: bytes, separator: str, first: int = 0) -> list[tuple[int, bytes]]:
    """Return (position, text) of every document: `separator` is "blank-line", "line" or "file"."""
    documents: list[tuple[int, list[bytes]]] = []
    is_inside = False
    place = first
    for line in data[first:].split(b"\n"):
        is_blank = not line.strip()
        if is_blank and separator == "blank-line":
            is_inside = False
        if not is_blank and (not is_inside or separator == "line"):
            documents.append((place, []))
            is_inside = True
        if documents and (is_inside if separator != "line" else not is_blank):
            documents[-1][1].append(line)
        place += len(line) + 1
    return [(position, b"\n".join(lines).strip()) for position, lines in documents]


def find_records(data: str, delimiter: str) -> list[tuple[int, int]]:
    """Return one past each line break that ends a record of CSV, and its number of fields."""
    records, is_quoted, begins, fields = [], False, True, 1
    place = 0
    while place < len(data):
        character, place = data[place], place + 1
        if is_quoted:
            if character == '"' and data[place : place + 1] == '"':
                place += 1
            elif character == '"':
                is_quoted = begins = False
            continue
        is_quoted = begins and character == '"'
        begins = character in ("\r", "\n", delimiter)
        fields += not is_quoted and character == delimiter
        if character in "\r\n":
            records.append((place, fields))
            fields = 1
    return records


def join_words(
    text: str, separator: str | None, is_unspaced: Callable[[str], bool]
) -> tuple[str, list[int]]:
    """Return a text without what stands between its words, and the bytes at which words begin.

    Args:
        text: words with separators between them.
        separator: a character of white space; None: any of them.
        is_unspaced: tells characters beside which a separator is no space.
    """
    joined = ""
    borders: list[int] = []
    for line_number, line in enumerate(text.split("\n")):
        joined += "\n" if line_number else ""
        parts = [part for part in re.split(r"([^\S\n]+)", line) if part]
        begins = True
        for number, part in enumerate(parts):
            if not part.isspace():
                borders += [len(joined.encode())] if begins else []
                joined, begins = joined + part, False
                continue
            separators = part if separator is None else part.count(separator) * separator
            begins = begins or bool(separators)
            if not 0 < number < len(parts) - 1 or separators != part:
                joined += part.replace(separator or "", "") if separator else part
                continue
            beside = parts[number - 1][-1] + parts[number + 1][0]
            is_space = separator is None and len(part) > 1
            joined += " " if is_space or not any(map(is_unspaced, beside)) else ""
    return joined, borders


def lay_words(borders: list[int], units: list[list[tuple[int, bool]]]) -> tuple[list[bool], int]:
    """Return where words begin, and how many of them go on with the word before.

    Args:
        borders: bytes at which words begin.
        units: first byte of each token, and whether it may begin a word there.
    """
    word_starts: list[bool] = []
    seen: set[int] = set()
    for unit in units:
        for number, (place, may_begin) in enumerate(unit):
            begins = number == 0 or (may_begin and place in borders and place not in seen)
            word_starts.append(begins)
            seen.add(place)
    return word_starts, max(len(borders) - sum(word_starts), 0)


# Random numbers: streams as in maskprep.kernels.counter_rng.

EXAMPLE, PAIR, SHUFFLE, SELECT, CORRUPT = 2, 3, 4, 5, 6
PACK, SPLIT = 16, 24
WORD = 2**32 - 1


def philox4x32_10(counter, key):
    """Return the four words of Philox4x32 with ten rounds: counter [4], key [2], 32 bits each."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        product0 = 0xD2511F53 * c0
        product1 = 0xCD9E8D57 * c2
        c0, c1 = (product1 >> 32) ^ c1 ^ k0, product1 & WORD
        c2, c3 = (product0 >> 32) ^ c3 ^ k1, product0 & WORD
        k0 = (k0 + 0x9E3779B9) & WORD
        k1 = (k1 + 0xBB67AE85) & WORD
    return c0, c1, c2, c3


def draw(seed, stream, round_, item, slot):
    """Return the four words at one address."""
    counter = (slot & WORD, stream << 24 | round_, item & WORD, item >> 32)
    return philox4x32_10(counter, (seed & WORD, seed >> 32))


def below(high, low, bound):
    """Scale 64 random bits to 0 ... bound - 1."""
    return ((high << 32 | low) * bound) >> 64


def shuffle_key(example_id, seed, epoch):
    """Return the place of an example in a shuffled order."""
    low, high, _, _ = draw(seed, SHUFFLE, epoch, example_id, 0)
    return high << 32 | low


def find_bin(length, size, longest):
    """Return the longest length of the bin that a row is of: the first multiple it fits."""
    end = size
    while end < length:
        end += size
    return end if longest is None else min(end, longest)


def name_example(document_id, place, duplicate):
    """Return the id of example number `place` of a document."""
    low, high, _, _ = draw(0, EXAMPLE, duplicate, document_id, place)
    return (high << 32 | low) % 2**63


def hash_text(text):
    """Return the 64 bits that decide whether a document is for validation."""
    visible = "".join(text.split()).replace("\ufeff", "").encode()[: 2**16]
    state = 0
    for start in range(0, len(visible) + 1, 8):
        word = int.from_bytes(visible[start : start + 8], "little")
        state = (state ^ word) * 0x9E3779B97F4A7C15 % 2**64
        state ^= state >> 32
    r0, r1, _, _ = draw(0, SPLIT, 0, state, 0)
    return r1 << 32 | r0


# Masking, one row at a time.


def list_units(input_ids, unit_starts, maskable):
    """Return the units of a row, each as the positions of its tokens."""
    units = []
    is_open = False
    for t, token in enumerate(input_ids):
        if maskable[token]:
            if unit_starts[t] or not is_open:
                units.append([])
            units[-1].append(t)
        is_open = maskable[token]
    return units


def choose_units(
    input_ids,
    unit_starts,
    example_id,
    maskable,
    seed,
    epoch,
    probability,
    opposed=False,
    budget=None,
):
    """Return the chosen units of a row, and whether the row was forced to have one.

    The units' tokens are laid on a circle, units in random order, and a window of `budget` tokens
    is put on it. A unit is chosen with the covered fraction of it as probability.
    """
    units = list_units(input_ids, unit_starts, maskable)
    num_tokens = sum(len(unit) for unit in units)
    if num_tokens == 0:
        return [], False
    rounding, _, *place = draw(seed, SELECT, epoch, example_id, 0)
    if budget is None:
        budget, fraction = divmod(num_tokens * probability, 2**32)
        budget += rounding < fraction
    origin = [t for unit in units for t in unit][below(*place, num_tokens)]

    first = next(u for u, unit in enumerate(units) if origin in unit)
    order = list(range(len(units)))
    order[0], order[first] = first, 0
    for j in range(1, len(order)):
        words = draw(seed, SELECT, epoch, example_id, (j + 1) // 2)
        pick = j + below(*(words[:2] if j % 2 else words[2:]), len(order) - j)
        order[j], order[pick] = order[pick], order[j]

    ahead = [t for t in units[first] if t >= origin]
    behind = [t for t in units[first] if t < origin]
    circle = ahead + [t for u in order[1:] for t in units[u]] + behind
    window = set(circle[:budget])
    words = draw(seed, SELECT, epoch, example_id, 2**31)
    if opposed:
        words = [*words[:2], *(word ^ 0xFFFFFFFF for word in words[:2])]
    chosen = []
    for u in order:
        covered = len(window.intersection(units[u]))
        if below(*(words[2:] if u == first else words[:2]), len(units[u])) < covered:
            chosen.append(units[u])
    return chosen or [units[first]], not chosen


def rounded_count(probability, num_tokens, num_maskable):
    """Return how many tokens of a row Google's script selects."""
    return min(max(1, round(num_tokens * probability)), num_maskable)


def find_listed(input_ids, word_starts, maskable, words):
    """Return the places of listed words, as ranges of tokens: from the left, the longest first."""
    found = []
    t = 0
    while t < len(input_ids):
        fitting = [
            word
            for word in words
            if word_starts[t]
            and tuple(input_ids[t : t + len(word)]) == word
            and (
                t + len(word) == len(input_ids)
                or word_starts[t + len(word)]
                or not maskable[input_ids[t + len(word)]]
            )
        ]
        if fitting:
            found.append(range(t, t + max(map(len, fitting))))
        t += max(map(len, fitting), default=1)
    return found


def cut_units(input_ids, word_starts, example_id, maskable, seed, epoch, thresholds):
    """Return where units of several words begin, a list of bools.

    thresholds[r] are the cumulative ones where r + 1 words remain up to the next separator.
    """
    starts = [False] * len(input_ids)
    stretches = []
    for word in list_units(input_ids, word_starts, maskable):
        if stretches and stretches[-1][-1][-1] + 1 == word[0]:
            stretches[-1].append(word)
        else:
            stretches.append([word])
    number = 0
    for stretch in stretches:
        u = 0
        while u < len(stretch):
            row = thresholds[min(len(stretch) - u, len(thresholds)) - 1]
            coin = draw(seed, SELECT, epoch, example_id, 2**29 + number // 4)[number % 4]
            number += 1
            length = next(n + 1 for n, threshold in enumerate(row) if coin < threshold)
            starts[stretch[u][0]] = True
            u += length
    return starts


def choose_units_apart(input_ids, unit_starts, example_id, maskable, seed, epoch, probability):
    """Return chosen units that do not touch, and whether the row was forced to have one.

    Every second unit takes part: the others are made special, and the twin above does the rest.
    """
    units = list_units(input_ids, unit_starts, maskable)
    if not units:
        return [], False
    coin = draw(seed, SELECT, epoch, example_id, 0)[1] & 1
    taken = {t for unit in units[coin::2] for t in unit}
    row = [int(t in taken) for t in range(len(input_ids))]
    chosen, is_forced = choose_units(
        row, unit_starts, example_id, [False, True], seed, epoch, 2 * probability, True
    )
    if is_forced or not chosen:
        return [
            units[below(*draw(seed, SELECT, epoch, example_id, 2**31 + 1)[:2], len(units))]
        ], True
    return chosen, False


def choose_each_unit(input_ids, unit_starts, example_id, maskable, seed, epoch, settings):
    """Return the units that are chosen one by one; settings are probability and apart."""
    probability, apart = settings
    coin = draw(seed, SELECT, epoch, example_id, 0)[1] & 1
    chosen = []
    for u, unit in enumerate(list_units(input_ids, unit_starts, maskable)):
        word = draw(seed, SELECT, epoch, example_id, 1 + u // 4)[u % 4]
        if word < probability * (1 + apart) and not (apart and u % 2 != coin):
            chosen.append(unit)
    return chosen


def cut_selection(units, example_id, seed, epoch, max_predictions):
    """Return the units that are left, in any order, when random ones are taken back."""
    left = sorted(units)
    slot = 2**30
    while sum(map(len, left)) > max_predictions:
        pick = below(*draw(seed, SELECT, epoch, example_id, slot)[:2], len(left))
        left[pick] = left[-1]
        left.pop()
        slot += 1
    return left


def replace_tokens(
    input_ids,
    units,
    example_id,
    pool,
    seed,
    epoch,
    mask_id,
    thresholds,
    frequencies=None,
    other=False,
):
    """Return the corrupted row, and how many tokens were masked, replaced, kept."""
    corrupted = list(input_ids)
    counts = [0, 0, 0]
    for unit in units:
        coin = draw(seed, CORRUPT, epoch, example_id, unit[0])[0]
        action = sum(coin >= threshold for threshold in thresholds)
        counts[action] += len(unit)
        for t in unit:
            if action == 0:
                corrupted[t] = mask_id
            elif action == 1:
                attempt = 0
                while True:
                    slot = t + attempt * 2**20
                    bits = draw(seed, CORRUPT, epoch, example_id, slot)[2:]
                    corrupted[t] = pool[pick_replacement(*bits, len(pool), frequencies)]
                    attempt += 1
                    if corrupted[t] != input_ids[t] or not other:
                        break
    return corrupted, counts


def pick_replacement(high, low, size, frequencies):
    """Return a place in the pool: each alike, or by frequencies."""
    if frequencies is None:
        return below(high, low, size)
    bits = high << 32 | low
    sums = list(itertools.accumulate(frequencies))
    return next(i for i, total in enumerate(sums) if bits < (total << 64) // sums[-1])


# Pairing. A token is (id, whether a word begins there); a sentence is a list of tokens.


def cut_long_sentences(sentences, max_tokens):
    """Cut each sentence that is too long near even parts: at a word border, if there is one."""
    pieces = []
    for whole in sentences:
        rest = whole
        while len(rest) > max_tokens:
            num_parts = -(-len(rest) // max_tokens)
            even = len(rest) // num_parts
            borders = [t for t in range(1, max_tokens + 1) if rest[t][1]]
            cut = min(borders, key=lambda t: abs(t - even), default=even)
            pieces.append(rest[:cut])
            rest = rest[cut:]
        pieces.append(rest)
    return pieces


def plan_pairs(sentences, document_id, other_sentences, settings):
    """Plan the pairs of one document.

    `settings` holds budget, short_threshold, random_threshold, seed and duplicate. Returns pairs
    (A, B or None, rank of a random B's first sentence among the others, its target) and how many
    tokens are in no pair.
    """
    seed, duplicate = settings["seed"], settings["duplicate"]
    rest = [list(sentence) for sentence in sentences]
    pairs = []
    while rest:
        slot = 256 * len(pairs)
        w0, w1, w2, w3 = draw(seed, PAIR, duplicate, document_id, slot)
        target = settings["budget"]
        if w0 < settings["short_threshold"]:
            target = 2 + (w1 * (settings["budget"] - 1) >> 32)
        chunk = []
        while rest and (sum(map(len, chunk)) < target or len(chunk) < 2):
            chunk.append(rest.pop(0))
        if len(chunk) == 1:
            chunk = split_in_the_middle(chunk[0])
            num_a = 1
        else:
            num_a = 1 + (w2 * (len(chunk) - 1) >> 32)
        if len(chunk) == 1:
            return pairs, len(chunk[0])
        a = [token for sentence in chunk[:num_a] for token in sentence]
        if w3 < settings["random_threshold"]:
            low, high, _, _ = draw(seed, PAIR, duplicate, document_id, slot + 1)
            pairs.append((a, None, (high << 32 | low) % other_sentences, max(target - len(a), 1)))
            rest = chunk[num_a:] + rest
        else:
            pairs.append((a, [token for sentence in chunk[num_a:] for token in sentence], -1, 0))
    return pairs, 0


def split_in_the_middle(sentence):
    """Split a sentence at the word border nearest its middle; a single word stays whole."""
    borders = [t for t in range(1, len(sentence)) if sentence[t][1]]
    if not borders:
        return [sentence]
    cut = min(borders, key=lambda t: abs(t - len(sentence) // 2))
    return [sentence[:cut], sentence[cut:]]


def gather_partner(sentences, first, target):
    """Return whole sentences of a document from number `first` on that hold the target tokens."""
    partner = []
    for sentence in sentences[first:]:
        if len(partner) >= target:
            break
        partner += sentence
    return partner


def trim_pair(a, b, document_id, chunk, settings):
    """Drop tokens from the longer segment, at an end that a coin names, until both fit."""

    def toss(slot):
        while True:
            for word in draw(
                settings["seed"], PAIR, settings["duplicate"], document_id, 256 * chunk + slot
            ):
                yield from ((word >> bit) & 1 for bit in range(32))
            slot += 1

    coins = toss(2), toss(129)
    kept = [[0, len(a)], [0, len(b)]]
    lengths = [len(a), len(b)]
    while sum(lengths) > settings["budget"]:
        longer = 0 if lengths[0] > lengths[1] else 1
        if next(coins[longer]):
            kept[longer][0] += 1
        else:
            kept[longer][1] -= 1
        lengths[longer] -= 1
    return keep_whole_words(a, *kept[0]), keep_whole_words(b, *kept[1])


def keep_whole_words(segment, start, stop):
    """Return the words that lie wholly between start and stop; if none does, all tokens there."""
    borders = [t for t in range(len(segment)) if t == 0 or segment[t][1]] + [len(segment)]
    whole = []
    for first, last in itertools.pairwise(borders):
        if start <= first and last <= stop:
            whole += segment[first:last]
    return whole or segment[start:stop]


def lay_out_pair(a, b, specials, types):
    """Return a row's ids, types and word starts: `specials` before A, between and after B."""
    parts = [
        [(token, True) for token in specials[0]],
        [(token, t == 0 or begins) for t, (token, begins) in enumerate(a)],
        [(token, True) for token in specials[1]],
        [(token, t == 0 or begins) for t, (token, begins) in enumerate(b)],
        [(token, True) for token in specials[2]],
    ]
    ids = [token for part in parts for token, _ in part]
    starts = [begins for part in parts for _, begins in part]
    return ids, [kind for part, kind in zip(parts, types, strict=True) for _ in part], starts


# Packing. Tokens and sentences as for pairing; a row is a list of (document, tokens).


def fill_rows(documents, document_ids, settings):
    """Fill rows with sentence after sentence; return rows and how often what was cut.

    `settings` holds budget, separator, crosses, longest_whole, short_threshold, divided_threshold,
    divider and seed.
    """
    longest = settings["longest_whole"]
    rows, row, budget, target = [], [], 0, 0
    sentences_cut = words_cut = 0
    for d, sentences in enumerate(documents):
        rest = [(sentence, len(sentence) > longest) for sentence in sentences]
        place = 0
        while rest:
            sentence, is_long = rest[0]
            if not row:
                w0, w1, w2, _ = draw(settings["seed"], PACK, 0, document_ids[d], place)
                budget = settings["budget"]
                budget -= settings["divider"] * (w2 < settings["divided_threshold"])
                target = 1 + (w1 * budget >> 32) if w0 < settings["short_threshold"] else budget
            begins = bool(row) and row[-1][0] != d
            filled = _held(row, settings) + begins * settings["separator"]
            room = (target if is_long else budget) - filled
            taken = 0
            if filled < target:
                taken = _fitting_tokens(sentence, room, is_long=is_long, is_first=not row)
            is_cut = 0 < taken < len(sentence)
            words_cut += is_cut and not sentence[taken][1]
            sentences_cut += is_cut and longest > 0 and len(sentence) == len(sentences[-len(rest)])
            if taken and row and not begins:
                row[-1] = (d, row[-1][1] + sentence[:taken])
            elif taken:
                row.append((d, sentence[:taken]))
            rest[0] = (sentence[taken:], is_long)
            place += taken
            if taken < len(sentence) or _held(row, settings) >= target:
                rows.append(row)
                row = []
            if taken == len(sentence):
                rest.pop(0)
        if row and not settings["crosses"]:
            rows.append(row)
            row = []
    return rows + [row] * bool(row), sentences_cut, words_cut


def divide_row(tokens, sentence_starts, document_id, place, settings):
    """Return how many tokens segment A has: all of them in a row that is not to be divided.

    `tokens` begin at `place` of the document, `sentence_starts` are places in it.
    """
    _, _, w2, w3 = draw(settings["seed"], PACK, 0, document_id, place)
    if w2 >= settings["divided_threshold"]:
        return len(tokens)
    borders = [start - place for start in sentence_starts if 0 < start - place < len(tokens)]
    if not borders:
        return len(split_in_the_middle(tokens)[0])
    before = [border for border in borders if 2 * border <= len(tokens)]
    after = [border for border in borders if 2 * border >= len(tokens)]
    if not before or not after:
        return max(before, default=min(after, default=0))
    return before[-1] if w3 < 2**31 else after[0]


def lay_out_segments(tokens, in_a, before, between, after):
    """Return a row's ids, token types and word starts."""
    row = [(token, 0, True) for token in before]
    row += [(token, 0, t == 0 or begins) for t, (token, begins) in enumerate(tokens[:in_a])]
    b = tokens[in_a:]
    row += [(token, 0, True) for token in between if b]
    row += [(token, 1, t == 0 or begins) for t, (token, begins) in enumerate(b)]
    row += [(token, int(bool(b)), True) for token in after]
    return tuple(list(column) for column in zip(*row, strict=True))


def _fitting_tokens(sentence, room, *, is_long, is_first):
    """Return how many tokens of a sentence fit: all, or of a long one as many whole words."""
    if len(sentence) <= room:
        return len(sentence)
    if not is_long:
        return 0
    borders = [t for t in range(1, room + 1) if sentence[t][1]]
    return max(borders, default=room if is_first else 0)


def _held(row, settings):
    """Return how many tokens a row holds, separators included."""
    return sum(len(tokens) for _, tokens in row) + settings["separator"] * max(len(row) - 1, 0)


def fit_best(sizes, capacity):
    """Return the row of each piece: where it leaves the least room, the largest piece first.

    Of several such rows it is the one that was put into last.
    """
    rooms, touched = [], []
    found = [0] * len(sizes)
    for time, piece in enumerate(sorted(range(len(sizes)), key=lambda p: -sizes[p])):
        fitting = [r for r in range(len(rooms)) if rooms[r] >= sizes[piece]]
        if not fitting:
            fitting = [len(rooms)]
            rooms.append(capacity)
            touched.append(0)
        row = min(fitting, key=lambda r: (rooms[r], -touched[r]))
        rooms[row] -= sizes[piece]
        touched[row] = time
        found[piece] = row
    return found


def lay_out_sequences(row, before, separator, after, *, own):
    """Return a row's ids, word starts and the tokens of each document."""
    parts = []
    for number, (_, tokens) in enumerate(row):
        first, last = number == 0, number == len(row) - 1
        part = [(token, True) for token in (before if own or first else [])]
        part += [(token, t == 0 or begins) for t, (token, begins) in enumerate(tokens)]
        part += [(token, True) for token in (after if own or last else separator)]
        parts.append(part)
    ids = [token for part in parts for token, _ in part]
    return ids, [begins for part in parts for _, begins in part], [len(part) for part in parts]


def find_lines(text: str) -> list[str]:
    """Return the visible lines of a text, without the white space around them."""
    return [line.strip() for line in text.split("\n") if line.strip()]


def join_lines(text: str) -> list[str]:
    """Return the runs of visible lines between blank ones, each joined by single spaces."""
    units: list[list[str]] = [[]]
    for line in text.split("\n"):
        if line.strip():
            units[-1].append(line.strip())
        else:
            units.append([])
    return [" ".join(unit) for unit in units if unit]


def place_tokens(
    line: str, characters: list[tuple[int, int]], letters: set[str]
) -> tuple[list[int], list[bool]]:
    """Return each token's first byte, and whether a letter of an unspaced script begins there."""
    starts, begins = [], []
    covered = 0
    for first, last in characters:
        starts.append(len(line[:first].encode()))
        begins.append(first >= covered and line[first : first + 1] in letters)
        covered = last
    return starts, begins


def cut_words(word_starts: list[bool], max_tokens: int) -> tuple[list[bool], int]:
    """Return word starts with long words cut into pieces, and how many words were long."""
    words: list[int] = []
    for begins in word_starts:
        if begins:
            words.append(0)
        words[-1] += 1
    pieces = [t % max_tokens == 0 for word in words for t in range(word)]
    return pieces, sum(word > max_tokens for word in words)


def lay_sentences(places: list[tuple[int, int]], borders: list[int]) -> list[tuple[int, int]]:
    """Return (row, tokens) of each sentence, from each token's (row, first byte)."""
    sentences: list[list[int]] = []
    last = None
    for row, byte in places:
        sentence = (row, sum(border <= byte for border in borders))
        if sentence != last:
            sentences.append([row, 0])
            last = sentence
        sentences[-1][1] += 1
    return [(row, tokens) for row, tokens in sentences]


def cut_document(
    sentences: list[list[bool]], max_tokens: int, max_word: int
) -> list[list[list[bool]]]:
    """Return a document's parts: lists of sentences, each given as its tokens' word starts."""
    parts: list[list[list[bool]]] = [[]]
    for sentence in sentences:
        left = sentence
        while left:
            filled = sum(len(piece) for piece in parts[-1])
            if filled and filled + len(left) > max_tokens:
                parts.append([])
            taken = len(left)
            if taken > max_tokens:
                near = range(max_tokens, max(max_tokens - max_word, 0), -1)
                taken = next((end for end in near if left[end]), max_tokens)
            parts[-1].append(left[:taken])
            left = left[taken:]
    return parts


def learn_merges(
    words: dict[tuple[str, ...], int],
    vocab: list[str],
    prefix: str,
    vocab_size: int,
    min_frequency: int,
    tie: Callable[[tuple[str, str]], Any] = lambda pair: tuple(t.encode() for t in pair),
) -> list[tuple[str, str]]:
    """Return the merges of counted words, in order; the new tokens are appended to `vocab`."""
    merges: list[tuple[str, str]] = []
    while len(vocab) < vocab_size:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, count in words.items():
            for pair in itertools.pairwise(word):
                pairs[pair] += count
        again = [pair for pair in merges if pair in pairs]
        if again:
            best = again[0]
        elif not pairs:
            break
        else:
            best = min(pairs, key=lambda pair: (-pairs[pair], tie(pair)))
            if pairs[best] < max(1, min_frequency):
                break
            merges.append(best)
        token = best[0] + best[1].removeprefix(prefix)
        if token not in vocab:
            vocab.append(token)
        merged: Counter[tuple[str, ...]] = Counter()
        for word, count in words.items():
            merged[_join_pair(word, best, token)] += count
        words = merged
    return merges


def _join_pair(word: tuple[str, ...], pair: tuple[str, str], token: str) -> tuple[str, ...]:
    joined: list[str] = []
    i = 0
    while i < len(word):
        is_pair = word[i : i + 2] == pair
        joined.append(token if is_pair else word[i])
        i += 2 if is_pair else 1
    return tuple(joined)


def pad_row(values: list[Any], width: int, padding: Any) -> list[Any]:
    """Return a list filled up at its end."""
    return values + [padding] * (width - len(values))
