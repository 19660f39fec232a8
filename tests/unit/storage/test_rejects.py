"""The list of rejects is bounded, and holds the first ones whatever the order of finding."""

from hypothesis import given
from hypothesis import strategies as st

from maskprep.storage.rejects import Reject, RejectList

FOUND = st.lists(
    st.tuples(st.sampled_from("ab"), st.lists(st.integers(0, 99), min_size=1, unique=True))
)


@given(found=FOUND, most=st.integers(0, 8), order=st.randoms())
def test_the_first_of_the_corpus_are_kept(found, most, order):
    order.shuffle(found)
    kept = RejectList(most)
    for source, positions in found:
        kept.add(source, sorted(positions), "empty_text")
    everything = sorted((source, place) for source, places in found for place in places)
    expected = [Reject(source, place, "empty_text") for source, place in everything[:most]]
    assert kept.first() == expected


def test_a_flood_of_rejects_takes_no_memory():
    kept = RejectList(10)
    for batch in range(1000):
        kept.add("a.txt", range(batch * 100, batch * 100 + 100), "null_text")
        assert len(kept) <= 20
    assert [one.position for one in kept.first()] == list(range(10))
