"""A finished data set's run once more: its job from its manifest, and its inputs from the user."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from maskprep.config import (
    CorpusConfig,
    MaskingConfig,
    PackingConfig,
    PairingConfig,
    ShardConfig,
    TokenizationConfig,
)
from maskprep.encoders.choosing import choose_encoder
from maskprep.encoders.loading import RoleOptions, load_tokenizer
from maskprep.errors import ConfigError
from maskprep.storage.dataset import DatasetFolder
from maskprep.tasks.inputs import (
    EXAMPLE_STAGES,
    STDIN,
    InputRequest,
    StageInput,
    open_stage_input,
)
from maskprep.tasks.jobs import ExamplesJob, MaskingJob, PreparationJob, TokenizationJob
from maskprep.tasks.makers import ExamplesConfig, example_maker
from maskprep.tasks.plan import Run
from maskprep.tasks.preparation import Recipe
from maskprep.tasks.records import Record, config_from, record_of_manifest, settings_of_stage
from maskprep.tasks.running import Context, Made
from maskprep.tasks.tokenization import CorpusText, find_corpus

SHOWN_SOURCES = 3


@dataclass(frozen=True)
class RepairRequest:
    """What the user gives for a repair.

    Attributes:
        inputs: what the data set was made from: corpus, data-set folders or shards.
        tokenizer: path of its tokenizer, where the folder's own copy is broken.
    """

    inputs: Sequence[str] = ()
    tokenizer: str | None = None


class Filler(Protocol):
    """A job that writes shards into a folder."""

    def fill(self, run: Run, folder: DatasetFolder) -> Made:
        """Write shards; return their receipts and the results."""


@dataclass(frozen=True)
class Rerun:
    """What it takes to run a job again.

    Attributes:
        folder: of the data set, held.
        manifest: of the data set, without faults.
        request: inputs and tokenizer.
        context: machine, and standard input.
        run: engine, progress, folders.
    """

    folder: DatasetFolder
    manifest: Record
    request: RepairRequest
    context: Context
    run: Run


def reads_text(manifest: Record) -> bool:
    """Tell whether the run began with raw text: `tokenize`, or all of `prepare`.

    In a whole run only the first stage has sources of its own.
    """
    if manifest["stage"] != "mask":
        return bool(manifest["stage"] == "tokenize")
    made = [one for one in manifest.get("history", []) if one["stage"] in EXAMPLE_STAGES]
    return bool(made) and not any(entry.get("sources") for entry in made)


def was_piped(manifest: Record) -> bool:
    """Tell whether the rows came through a pipe: then the sources are those of the stage before."""
    history = manifest.get("history", [])
    return bool(history) and history[-1].get("sources") == manifest["sources"]


def open_corpus(rerun: Rerun) -> CorpusText:
    """Find the raw text, and check that it is that of the first run.

    Raises:
        ConfigError: it is another one.
    """
    settings = settings_of_stage(rerun.manifest, "tokenize")
    config = config_from(CorpusConfig, settings)
    sources = rerun.manifest["sources"]
    if list(rerun.request.inputs) == [STDIN] and len(sources) == 1:
        config = replace(config, stdin_filename=sources[0]["name"])
    text = find_corpus(rerun.request.inputs, config, rerun.run.engine, rerun.context.progress)
    if not text.reads_stdin:
        require_same_sources(text.entries(), sources)
    return text


def require_same_sources(
    given: Sequence[Mapping[str, Any]], sources: Sequence[Mapping[str, Any]]
) -> None:
    """Check that the inputs are those of the first run.

    Raises:
        ConfigError: some are not; the message names the first.
    """
    differences = list(_source_differences(given, sources))
    if differences:
        more = len(differences) - SHOWN_SOURCES
        shown = "; ".join(differences[:SHOWN_SOURCES]) + (f"; {more:,} more" if more > 0 else "")
        raise ConfigError(
            f"the inputs are not those that the data set was made from: {shown}. Nothing was "
            f"changed. Name the same inputs as in the first run."
        )


def _source_differences(
    given: Sequence[Mapping[str, Any]], sources: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    keys = ("name", "bytes", "sha256")
    now = [tuple(source[key] for key in keys) for source in given]
    before = [tuple(source[key] for key in keys) for source in sources]
    missing, strange = Counter(before) - Counter(now), Counter(now) - Counter(before)
    names_now = {name: size for name, size, _ in strange}
    names_before = {name for name, _, _ in missing}
    for name, size, _ in missing:
        if name not in names_now:
            yield f"{name} is missing"
        elif names_now[name] != size:
            yield f"{name} has {names_now[name]:,} bytes, and had {size:,}"
        else:
            yield f"{name} has other bytes than it had"
    for name, _, _ in strange:
        if name not in names_before:
            yield f"{name} was not among them"
    if not missing and not strange and now != before:
        yield f"they came in another order, {before[0][0]} first"


def roles_of(manifest: Record) -> RoleOptions:
    """Return the special tokens of the tokenizer, as if the user had named them."""
    roles = manifest["tokenizer"]["roles"]
    return RoleOptions(**{f"{role}_token": token for role, token in roles.items()})


def job_of(rerun: Rerun, only: frozenset[int], text: CorpusText | None) -> Filler:
    """Return what made the data set, to write only some of its shards.

    Args:
        rerun: with inputs.
        only: numbers of the shards.
        text: the corpus, if the run began with one.

    Raises:
        ConfigError: the inputs are not those of the first run.
    """
    manifest, folder = rerun.manifest, rerun.folder
    record = {
        key: value for key, value in record_of_manifest(manifest).items() if key != "tokenizer"
    }
    shards = config_from(ShardConfig, manifest["settings"])
    if text is None:
        return _job_of_rows(rerun, only, record, shards)
    tokenization = config_from(TokenizationConfig, settings_of_stage(manifest, "tokenize"))
    parse = tokenization.special_tokens_in_text == "parse"
    tokenizer = load_tokenizer(str(folder.tokenizer), parse_special_tokens=parse)
    encoder = choose_encoder(tokenizer, rerun.context.machine.encoder)
    if manifest["stage"] == "tokenize":
        return TokenizationJob(text, tokenization, tokenizer, encoder, shards, record, only)
    examples = _examples_config(manifest)
    masking = config_from(MaskingConfig, manifest["settings"])
    return PreparationJob(
        text, tokenizer, encoder, tokenization, examples, masking, shards, record, only
    )


def recipe_of(manifest: Record) -> Recipe:
    """Return the settings of a whole run."""
    tokenized = settings_of_stage(manifest, "tokenize")
    examples = _examples_config(manifest)
    recipe = Recipe(
        corpus=config_from(CorpusConfig, tokenized),
        tokenization=config_from(TokenizationConfig, tokenized),
        masking=config_from(MaskingConfig, manifest["settings"]),
        shards=config_from(ShardConfig, manifest["settings"]),
    )
    if isinstance(examples, PackingConfig):
        return replace(recipe, packing=examples)
    return replace(recipe, pairing=examples)


def _examples_config(manifest: Record) -> ExamplesConfig:
    packing = settings_of_stage(manifest, "pack")
    if packing:
        return config_from(PackingConfig, packing)
    return config_from(PairingConfig, settings_of_stage(manifest, "pair"))


def _job_of_rows(rerun: Rerun, only: frozenset[int], record: Record, shards: ShardConfig) -> Filler:
    manifest = rerun.manifest
    source = _open_rows(rerun)
    limit = manifest["settings"].get("limit")
    if manifest["stage"] == "mask":
        masking = config_from(MaskingConfig, manifest["settings"])
        return MaskingJob(source, masking, shards, record, limit, only)
    maker = example_maker(source.record, source.tokenizer, _examples_config(manifest))
    return ExamplesJob(source, maker, shards, record, limit, only)


def _open_rows(rerun: Rerun) -> StageInput:
    manifest, request = rerun.manifest, rerun.request
    made_by = ("tokenize",) if manifest["stage"] in EXAMPLE_STAGES else EXAMPLE_STAGES
    before = manifest["lineage"][-1]["stage"]
    if was_piped(manifest) and list(request.inputs) != [STDIN]:
        raise ConfigError(
            f"{rerun.folder.path} was made from a pipe. Pipe the same rows in again: "
            f"'maskprep {before} ... | maskprep verify {rerun.folder.path} --repair -'."
        )
    source = open_stage_input(
        InputRequest(
            request.inputs,
            made_by,
            request.tokenizer,
            roles_of(manifest),
            rerun.context.stdin,
        )
    )
    if source.stream is None:
        require_same_sources(source.sources, manifest["sources"])
    expected = manifest["tokenizer"]["fingerprint"]
    if source.tokenizer.fingerprint != expected:
        raise ConfigError(
            f"the inputs have another tokenizer ({source.tokenizer.fingerprint[:12]}) than the "
            f"rows were made with ({expected[:12]}). Nothing was changed. Name that one with "
            f"--tokenizer PATH."
        )
    return source
