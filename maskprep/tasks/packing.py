"""Documents to packed examples: spool every document, then fill the rows of each section.

A section of the corpus is the documents whose first token lies in one stretch of so many tokens.
It is one task; its last row ends with it. So rows do not depend on how the corpus is spooled.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from maskprep.config import PackingConfig
from maskprep.encoders.loading import Tokenizer
from maskprep.errors import ConfigError
from maskprep.stages.packing import PackingCounts, pack_documents
from maskprep.stages.row_layout import SequenceLayout
from maskprep.storage.runs import Order
from maskprep.storage.runs import Run as RowRun
from maskprep.storage.spool import Spool
from maskprep.tasks.destinations import RunFiles
from maskprep.tasks.journal import Receipt
from maskprep.tasks.pairing import RUN_TOKENS, spooled_corpus, write_index
from maskprep.tasks.plan import Run, add_counts

SECTION_TOKENS = 2**22
SECTION_ROWS = 2**9
"""A section has at least so many rows, so that its last one, which may be short, is no matter."""
UNCUT = 2**31 - 1
"""Longest sentence in a spool: packing itself cuts the long ones."""


def sequence_layout(tokenizer: Tokenizer, config: PackingConfig) -> SequenceLayout:
    """Return the special tokens of a row, as the tokenizer's own template has them.

    What ends a row also separates its documents: [SEP], </s>.

    Raises:
        TokenizerError: the tokenizer knows no template and no [CLS] and [SEP].
        ConfigError: rows are to be divided, and the template gives segments A and B other token
            types than 0 and 1.
    """
    template = tokenizer.pair_template
    separator = template.after if template.after.size else template.between
    if not config.two_segments_prob:
        return SequenceLayout(template.before, separator, template.after)
    of_a, of_b = sorted(set(template.types[:2].tolist())), sorted(set(template.types[3:].tolist()))
    if (of_a, of_b) != ([0], [1]) or template.types[2] not in (0, 1):
        found = " ".join(map(str, template.types.tolist()))
        raise ConfigError(
            f"--two-segments-prob is {config.two_segments_prob}, and {tokenizer.origin} gives the "
            f"parts of a pair (before, A, between, B, after) the token types {found}; expected 0 "
            f"for A and 1 for B, as BERT's tokenizer gives. Take such a tokenizer, or leave the "
            f"option out."
        )
    return SequenceLayout(template.before, separator, template.after, template)


@dataclass(frozen=True)
class PackingTask:
    """Fill rows with the documents of one section: `start` ... `stop - 1` in tokens."""

    corpus_index: str
    start: int
    stop: int
    layout: SequenceLayout
    config: PackingConfig
    has_sentences: bool
    destination: RunFiles


def pack_section(task: PackingTask) -> Receipt:
    """Fill rows with the documents of one section."""
    corpus = spooled_corpus(task.corpus_index)
    counts = PackingCounts()
    rows = pack_documents(
        corpus.documents_between(task.start, task.stop),
        corpus,
        task.layout,
        task.config,
        counts,
        has_sentences=task.has_sentences,
    )
    written = task.destination.write(rows)
    return {"rows": counts.rows, "counts": asdict(counts), **written}


@dataclass(frozen=True)
class PackingPhase:
    """What all tasks of one packing share."""

    spools: Sequence[Spool]
    config: PackingConfig
    layout: SequenceLayout
    has_sentences: bool
    order: Order
    columns: tuple[str, ...]

    def run(self, run: Run, counts: dict[str, int]) -> Iterator[list[RowRun]]:
        """Pack the documents of every section; yield the runs in the corpus's order.

        Args:
            run: engine, progress, folders.
            counts: what became of documents and tokens; added to.
        """
        index = write_index(run, self.spools)
        length = self.config.max_seq_length
        run_rows = max(1, RUN_TOKENS // length)
        size = max(SECTION_TOKENS, SECTION_ROWS * length)
        total = sum(spool.tokens for spool in self.spools)
        folder = str(run.scratch / "rows")
        tasks = (
            PackingTask(
                index,
                start,
                start + size,
                self.layout,
                self.config,
                self.has_sentences,
                RunFiles(folder, f"{number:05d}", self.order, run_rows, self.columns),
            )
            for number, start in enumerate(range(0, total, size))
        )
        add_counts(counts, asdict(PackingCounts()))
        for receipt in run.phase("pack", pack_section, tasks, unit="rows"):
            add_counts(counts, receipt["counts"])
            yield [RowRun(**fields) for fields in receipt["runs"]]
