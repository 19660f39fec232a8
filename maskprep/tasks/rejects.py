"""The list of documents that were skipped, cut or mended: from tasks to the run."""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby

from maskprep.config import CorpusConfig
from maskprep.storage.blocks import Block
from maskprep.storage.corpus import locate_documents
from maskprep.storage.rejects import LineNumbers, Reject, RejectList, entry_of, is_text
from maskprep.storage.sources import Source
from maskprep.tasks.journal import Receipt


def list_rejects(
    blocks: Sequence[Block],
    config: CorpusConfig,
    found: RejectList,
    without_tokens: Sequence[int],
) -> list[Receipt]:
    """Return lines of `rejects.jsonl` for the blocks of one task, in order.

    Lines are known only of blocks that are spooled: before others lies more of their source.

    Args:
        blocks: of the task.
        config: how they were read.
        found: while reading them.
        without_tokens: ids of documents, in order.
    """
    if without_tokens and found.most:
        for reject in locate_documents(blocks, config, without_tokens[: found.most]):
            found.add(reject.source, [reject.position], reject.reason)
    rejects = deque(found.first())
    entries: list[Receipt] = []
    for block in blocks:
        if rejects and _stands_in(rejects[0], block):
            entries.extend(_entries(rejects, block))
    return entries


def _stands_in(reject: Reject, block: Block) -> bool:
    same = reject.source == block.source.name
    return same and (not is_text(block.source) or block.start <= reject.position < block.stop)


def _entries(rejects: deque[Reject], block: Block) -> Iterator[Receipt]:
    """Take those that stand in a block."""
    with ExitStack() as opened:
        numbers = None
        if block.spooled is not None and is_text(block.source):
            numbers = opened.enter_context(LineNumbers(block))
        while rejects and _stands_in(rejects[0], block):
            reject = rejects.popleft()
            line = None if numbers is None else numbers.line_of(reject.position)
            yield entry_of(reject, block.source, line)


def add_lines(entries: Sequence[Receipt], sources: Sequence[Source]) -> None:
    """Count the lines of sources that are read in place, as far as the last entry of each.

    Raises:
        CorpusError: a source vanished or changed.
        MachineError: it cannot be read.
    """
    by_name = {source.name: source for source in sources}
    open_ones = [entry for entry in entries if entry.get("line", 1) is None]
    for name, group in groupby(open_ones, lambda entry: str(entry["source"])):
        source = by_name[name]
        with LineNumbers(Block(source, 0, source.num_bytes)) as numbers:
            for entry in group:
                entry["line"] = numbers.line_of(entry["byte"])
