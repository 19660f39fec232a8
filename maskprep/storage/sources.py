"""Which files, folders and streams a corpus consists of, and what each of them is."""

import difflib
import glob
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from maskprep.config import CorpusConfig
from maskprep.errors import ConfigError, CorpusError, MachineError
from maskprep.storage.compression import (
    COMPRESSION_SUFFIXES,
    Codec,
    decompress,
    detect_compression,
    open_standard_input,
    open_stored,
)
from maskprep.storage.sniffing import PARQUET_MAGIC, SourceFormat, first_line, sniff

FORMAT_OF_SUFFIX: dict[str, SourceFormat] = {
    "": "text",
    ".txt": "text",
    ".text": "text",
    ".md": "text",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
}
_NO_TEXT = (
    (b"PK\x03\x04", "a zip archive (.zip, .docx, .xlsx, .epub)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a rar archive"),
    (b"%PDF-", "a PDF document"),
    (b"ARROW1\0\0", "an Arrow file"),
)
MAGIC_BYTES = 8


@dataclass(frozen=True)
class Source:
    """One file of the corpus, or standard input."""

    name: str
    """Path below the folder argument, else base name; with "/", without compression suffix."""
    path: str | None
    """None: standard input."""
    format: SourceFormat
    compression: Codec
    num_bytes: int
    """As stored; 0 until known for standard input."""
    sha256: str = ""
    """Of the stored bytes; "" until hashed."""
    modified: int = 0
    """When its bytes last changed, in nanoseconds, as the file system says; never stored."""
    head: bytes = b""
    """First bytes of standard input, taken from it to tell what it is."""

    @property
    def shown_name(self) -> str:
        """What messages call it."""
        return self.name if self.path is None else self.path


@dataclass(frozen=True)
class FoundSources:
    """The corpus, sorted by name, and the files of its folders that were passed over."""

    sources: tuple[Source, ...]
    ignored: tuple[str, ...]


def find_sources(inputs: Sequence[str], config: CorpusConfig) -> FoundSources:
    """Look up files, folders (with everything below), glob patterns and "-".

    Returns:
        Sources ordered by the bytes of their names, and what was ignored: files whose suffix no
        format has, folders behind symbolic links, and whatever is no regular file.

    Raises:
        ConfigError: an input does not exist, matches nothing or is no raw text; two sources would
            have one name.
        CorpusError: a folder without readable text.
        MachineError: a file or folder cannot be opened.
    """
    if len([argument for argument in inputs if argument == "-"]) > 1:
        raise ConfigError("'-' (standard input) is given twice; it can be read only once.")
    sources: list[Source] = []
    ignored: list[str] = []
    for argument in inputs:
        if argument == "-":
            sources.append(_standard_input(config))
            continue
        for path in _expand(argument):
            if path.is_dir():
                found = _below(path, config)
                sources.extend(found.sources)
                ignored.extend(found.ignored)
            else:
                sources.append(_named_file(path, config))
    _refuse_equal_names(sources)
    return FoundSources(tuple(sorted(sources, key=_name_bytes)), tuple(sorted(ignored)))


def hash_source(source: Source) -> Source:
    """Return the source with the size and SHA-256 of its stored bytes.

    Raises:
        CorpusError: the file vanished, or its size is another than when it was found.
        MachineError: it cannot be read.
    """
    if source.path is None:
        return source
    with open_stored(source.path, source.num_bytes) as stored:
        while stored.read():
            pass
    return replace(source, num_bytes=stored.num_bytes, sha256=stored.sha256())


def _name_bytes(source: Source) -> bytes:
    return source.name.encode()


def _expand(argument: str) -> list[Path]:
    if os.path.lexists(argument):
        return [Path(argument)]
    if glob.has_magic(argument):
        # pathlib has no patterns with a root.
        matches = sorted(glob.glob(argument, recursive=True), key=os.fsencode)  # noqa: PTH207
        if not matches:
            raise ConfigError(f"No file matches {argument!r}. Check the pattern and the folder.")
        return [Path(match) for match in matches]
    raise ConfigError(f"{argument}: no such file or folder.{_suggestion(Path(argument))}")


def _suggestion(path: Path) -> str:
    parent = path.parent
    while not parent.is_dir() and parent != parent.parent:
        path, parent = parent, parent.parent
    try:
        names = sorted(entry.name for entry in parent.iterdir())
    except OSError:
        names = []
    close = difflib.get_close_matches(path.name, names, n=1)
    if close:
        return f" Did you mean {parent / close[0]}?"
    return " Check the path; '-' reads standard input."


def _below(folder: Path, config: CorpusConfig) -> FoundSources:
    if _is_data_set(folder):
        raise ConfigError(
            f"{folder} is a data set made by maskprep, not raw text. Give the raw text here, or "
            f"hand the folder to the stage that follows, 'maskprep pair', 'mask' or 'inspect'."
        )
    sources: list[Source] = []
    ignored: list[str] = []
    for path in _walk(folder, ignored):
        suffix = _suffix(path.name)
        if not path.is_file() or (config.format == "auto" and suffix not in FORMAT_OF_SUFFIX):
            ignored.append(str(path))
        else:
            sources.append(_file(path, path.relative_to(folder).as_posix(), config))
    if not sources:
        seen = f" ({len(ignored)} files of other kinds)" if ignored else ""
        raise CorpusError(
            f"{folder}: no readable text in this folder{seen}. Expected .txt, .jsonl, .parquet "
            f"or .csv files, plain or compressed; name other files one by one, or set --format."
        )
    return FoundSources(tuple(sources), tuple(ignored))


def _walk(folder: Path, ignored: list[str]) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise MachineError(f"{error.filename}: cannot read this folder ({error.strerror}).")

    for parent, folders, files in os.walk(folder, onerror=refuse):
        visible = sorted(name for name in folders if not name.startswith("."))
        passed = [name for name in visible if _is_no_corpus(Path(parent, name))]
        ignored.extend(str(Path(parent, name)) for name in passed)
        folders[:] = [name for name in visible if name not in passed]
        yield from (Path(parent, name) for name in sorted(files) if not name.startswith("."))


def _is_no_corpus(folder: Path) -> bool:
    # A linked folder can lead in a circle, or to the same files again; what maskprep wrote below
    # the corpus, finished or not, must not become part of it.
    if folder.is_symlink() or (folder / ".work").is_dir() or _is_data_set(folder):
        return True
    return (folder / "tokenizer.json").is_file()


def _is_data_set(folder: Path) -> bool:
    return (folder / "manifest.json").is_file() and (folder / "data").is_dir()


def _named_file(path: Path, config: CorpusConfig) -> Source:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise MachineError(f"{path}: cannot be opened ({error.strerror}).") from error
    if not stat.S_ISREG(mode):
        raise ConfigError(
            f"{path} is a pipe or a device, not a file or folder. Feed it through standard "
            f"input instead: 'maskprep ... - < {path}'."
        )
    return _file(path, path.name, config)


def _file(path: Path, name: str, config: CorpusConfig) -> Source:
    with open_stored(str(path)) as stored:
        head = stored.read(MAGIC_BYTES)
    kind = next((kind for magic, kind in _NO_TEXT if head.startswith(magic)), None)
    if kind is not None:
        raise CorpusError(
            f"{path}: this is {kind}, expected text, JSON Lines, Parquet or CSV. Take the text out "
            f"of it first."
        )
    status = path.stat()
    name = _printable(_without_compression(name))
    guess = FORMAT_OF_SUFFIX.get(_suffix(name)) if _suffix(name) else None
    if guess is None:
        guess = "parquet" if head.startswith(PARQUET_MAGIC) else "text"
    chosen = guess if config.format == "auto" else config.format
    codec = detect_compression(head)
    return Source(name, str(path), chosen, codec, status.st_size, modified=status.st_mtime_ns)


def _without_compression(name: str) -> str:
    suffix = PurePosixPath(name).suffix
    return name.removesuffix(suffix) if suffix.lower() in COMPRESSION_SUFFIXES else name


def _printable(name: str) -> str:
    # A name that is no UTF-8 must still be shown, stored as JSON and hashed the same everywhere.
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _suffix(name: str) -> str:
    return PurePosixPath(_without_compression(name)).suffix.lower()


def _standard_input(config: CorpusConfig) -> Source:
    name = _printable(_without_compression(config.stdin_filename or "stdin"))
    chosen = config.format
    if chosen == "auto" and _suffix(name):
        chosen = FORMAT_OF_SUFFIX.get(_suffix(name), "auto")
    stored = open_standard_input()
    head = b""
    while len(head) < MAGIC_BYTES and (data := stored.read()):
        head += data
    codec = detect_compression(head)
    if chosen == "auto":
        stored = open_standard_input(head)
        stored.record = []
        chosen = sniff(first_line(decompress(stored, codec, "stdin")))
        head = max(head, b"".join(stored.record), key=len)
    return Source(name, None, chosen, codec, 0, head=head)


def _refuse_equal_names(sources: Sequence[Source]) -> None:
    first: dict[str, Source] = {}
    for source in sources:
        other = first.setdefault(source.name, source)
        if other is source:
            continue
        if other.path == source.path:
            raise ConfigError(f"{source.path} is given twice. Name each input once.")
        raise ConfigError(
            f"{other.path or 'standard input'} and {source.path or 'standard input'} would both "
            f"be the source {source.name!r}, and their documents would get the same ids. Rename "
            f"one, or give the folder above both."
        )
