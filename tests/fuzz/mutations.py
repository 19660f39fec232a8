"""Changed copies of a valid file: what hypothesis draws, and atheris does by itself."""

from hypothesis import strategies as st

_PIECES = st.one_of(
    st.binary(max_size=8),
    st.sampled_from([b"\0", b"\n", b'"', b"{", b"[", b"\xff" * 8, b"\x80" * 10, b"-1", b"9" * 20]),
)


@st.composite
def changed_copies(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """Draw a seed with some of its bytes replaced, removed, put in or repeated; or any bytes."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=200))
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(data)))
        end = min(len(data), begin + draw(st.sampled_from([0, 1, 1, 4, 40])))
        piece = draw(st.one_of(_PIECES, st.just(data[begin:end] * 2)))
        data = data[:begin] + piece + data[end:]
    return data
