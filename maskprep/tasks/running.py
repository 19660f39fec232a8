"""How any run goes: an engine, a folder that is held and committed, or a stream."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

import pyarrow as pa

from maskprep.config import RunConfig
from maskprep.encoders.choosing import ChosenEncoder
from maskprep.encoders.loading import Tokenizer
from maskprep.engines.local import LocalEngine
from maskprep.errors import ConfigError, NoRowsError
from maskprep.storage.atomic import machine_errors
from maskprep.storage.dataset import DatasetFolder
from maskprep.storage.runs import Run as RowRun
from maskprep.storage.runs import read_run
from maskprep.storage.streams import StreamWriter
from maskprep.tasks.plan import Engine, Progress, Run, Silence
from maskprep.tasks.records import Identity, Record, build_manifest, settings_of_stage
from maskprep.tasks.results import OTHER_SPLIT


@dataclass(frozen=True)
class Context:
    """How a run uses the machine, and who is told of its progress."""

    machine: RunConfig = field(default_factory=RunConfig)
    progress: Progress = field(default_factory=Silence)
    stdin: BinaryIO | None = None
    dry_run: bool = False


@dataclass(frozen=True)
class Summary:
    """What a command reports.

    Attributes:
        manifest: of the data set; for a dry run, what decides it.
        output: the folder, or None for a stream.
        finished_before: the folder already was what was asked for.
        dry_run: nothing was written.
        ignored: files in the input folders that were not read.
        encoder: that was chosen for the tokenizer; None where no text is encoded, or the
            tokenizer is yet to be trained.
    """

    manifest: Record
    output: Path | None
    finished_before: bool = False
    dry_run: bool = False
    ignored: tuple[str, ...] = ()
    encoder: ChosenEncoder | None = None
    validation: "Summary | None" = None
    """Of the validation data that was made beside."""


Target = Path | BinaryIO
Made = tuple[list[Record], Record]

WORKER_BYTES = 384 * 2**20
"""Most private memory of one worker, in any stage but training (measured: up to 355 MiB)."""
PARENT_BYTES = 128 * 2**20
"""Private memory of the process that hands out the tasks (measured: 127 MiB)."""


@contextmanager
def start_engine(context: Context) -> Iterator[LocalEngine]:
    """Start as many workers as asked for, or as --memory allows.

    Raises:
        ConfigError: --memory is too little for one.
    """
    workers, memory = context.machine.workers, context.machine.memory_bytes
    if memory is not None:
        workers = min(workers, (memory - PARENT_BYTES) // WORKER_BYTES)
    if workers < 1:
        raise ConfigError(
            f"--memory is {(memory or 0) / 2**20:.0f} MiB; expected at least "
            f"{(PARENT_BYTES + WORKER_BYTES) // 2**20} MiB, what one worker needs."
        )
    with LocalEngine(workers) as engine:
        yield engine


def fill_folder(
    output: Path,
    identity: Identity,
    context: Context,
    engine: Engine,
    make: Callable[[Run, DatasetFolder], Made],
    *,
    resumable: bool = True,
) -> Summary:
    """Hold the folder, make its shards, and commit them; or find that this is done.

    Args:
        output: the folder.
        identity: everything that decides the result.
        context: machine and progress.
        engine: of the run.
        make: runs the phases; returns the shards' receipts and the results for the manifest.
        resumable: False where the input is a pipe, which cannot be read again.

    Raises:
        NoRowsError: no row came out.
    """
    if context.dry_run:
        return Summary(identity.known, output, dry_run=True)
    folder = DatasetFolder(output, context.machine.temp_dir)
    with folder.writing(identity.whole, overwrite=context.machine.overwrite) as complete:
        if complete:
            return Summary(folder.read_manifest() or {}, output, finished_before=True)
        remember = _Remembering(identity, folder)
        journal = folder.journal if resumable else None
        run = Run(engine, context.progress, folder.scratch, journal, remember)
        shards, results = make(run, folder)
        if not shards:
            raise NoRowsError(_nothing_made(identity.known, results))
        remember.now()
        manifest, staged = build_manifest(identity.whole(), shards, results)
        folder.commit(manifest, staged)
    return Summary(manifest, output)


class _Remembering:
    """Writes a run's identity down as soon as the inputs are hashed, which takes place beside it.

    Called after every task. Not before the first, because workers are forked for that, and a fork
    must not meet a thread.
    """

    def __init__(self, identity: Identity, folder: DatasetFolder) -> None:
        self._identity = identity
        self._folder = folder
        self._done = False
        if identity.is_known:
            self.now()

    def __call__(self) -> None:
        if not self._identity.is_known:
            self._identity.complete()
        if not self._done and self._identity.is_known:
            self.now()

    def now(self) -> None:
        """Write it down, and wait for the hashes if need be."""
        if not self._done:
            self._folder.remember(self._identity.whole())
            self._done = True


def _nothing_made(wanted: Record, results: Record) -> str:
    stages = [*results.get("history", []), results]
    settings = settings_of_stage(wanted, "tokenize")
    others = stages[0]["totals"].get(OTHER_SPLIT)
    if others and not stages[0]["totals"]["documents"]:
        share, split = settings["validation"], settings["split"]
        return (
            f"none of the {others:,} documents of the corpus is in the {split} split with "
            f"--validation {share}, which goes by the hash of each text. Give another share, or a "
            f"larger corpus."
        )
    counted = [entry for one in stages for entry in one["dropped"].items() if entry[1]]
    dropped = ", ".join(f"{name}: {number}" for name, number in counted)
    no_text = stages[0]["totals"].get("tokens") == 0
    missing = "the corpus holds no text" if no_text else "no row came out"
    return f"{missing} ({dropped or 'nothing was dropped'}). Check the input and --format."


@contextmanager
def stream_run(
    context: Context, engine: Engine, after_receipt: Callable[[], None] | None = None
) -> Iterator[Run]:
    """Give a run without a folder a place for intermediate files.

    Args:
        context: machine and progress.
        engine: of the run.
        after_receipt: called whenever a task has ended.

    Raises:
        MachineError: --temp-dir cannot be made or written to.
    """
    parent = Path(context.machine.temp_dir or tempfile.gettempdir())
    with machine_errors(parent):
        parent.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.TemporaryDirectory(prefix="maskprep-", dir=parent)
    with scratch as name:
        yield Run(engine, context.progress, Path(name), None, after_receipt)


def stream_writer(sink: BinaryIO, schema: pa.Schema, tokenizer: Tokenizer) -> StreamWriter:
    """Begin a stream that carries the whole tokenizer."""
    metadata = {**schema.metadata, b"tokenizer.json": tokenizer.json.encode()}
    return StreamWriter(sink, schema.with_metadata(metadata))


class Job(Protocol):
    """What a command does to its rows."""

    @property
    def record(self) -> Record:
        """The settings that decide the rows."""

    def fill(self, run: Run, folder: DatasetFolder) -> Made:
        """Write shards; return their receipts and the results."""

    def stream(self, run: Run, sink: BinaryIO) -> Record:
        """Write a stream; return the results."""


def carry_out(
    job: Job,
    identity: Identity,
    target: Target,
    context: Context,
    engine: Engine,
    *,
    resumable: bool,
) -> Summary:
    """Do a job into a folder or a stream."""
    if isinstance(target, Path):
        return fill_folder(target, identity, context, engine, job.fill, resumable=resumable)
    if context.dry_run:
        return Summary(identity.known, None, dry_run=True)
    with stream_run(context, engine, identity.complete) as run:
        return Summary({**job.record, **job.stream(run, target)}, None)


def emit_runs(writer: StreamWriter, runs: Sequence[RowRun]) -> None:
    """Write the rows of runs to a stream, and forget the runs."""
    for run in runs:
        for batch in read_run(run):
            writer.write(batch)
        Path(run.path).unlink()
