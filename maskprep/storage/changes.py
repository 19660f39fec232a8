"""Whether a corpus stays what it was while it is read."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from maskprep.errors import ConfigError, CorpusError
from maskprep.storage.compression import unreadable
from maskprep.storage.sources import Source


@contextmanager
def unchanging(sources: Sequence[Source]) -> Iterator[None]:
    """Check before and behind the block that files are what they were when they were found.

    What is wrong with a text that changes while it is read is that it changes.

    Raises:
        CorpusError: a file vanished, or has another size or time of change.
        MachineError: the system cannot tell.
    """
    _require_same(sources)
    try:
        yield
    except (ConfigError, CorpusError):
        _require_same(sources)
        raise
    _require_same(sources)


def _require_same(sources: Sequence[Source]) -> None:
    for source in sources:
        if source.path is None:
            continue
        try:
            status = Path(source.path).stat()
        except OSError as error:
            raise unreadable(source.path, error) from error
        if (status.st_size, status.st_mtime_ns) != (source.num_bytes, source.modified):
            raise CorpusError(
                f"{source.path}: the file changed during the run. Run again when nothing writes to "
                f"the corpus any more."
            )
