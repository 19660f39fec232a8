"""A data-set folder made whole: the run once more, for the shards that are broken."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from maskprep.config import TrainingConfig
from maskprep.encoders.choosing import choose_encoder
from maskprep.encoders.loading import Tokenizer, load_tokenizer
from maskprep.encoders.saving import write_tokenizer_copy
from maskprep.errors import ConfigError
from maskprep.storage.atomic import atomic_file, move_into
from maskprep.storage.dataset import DatasetFolder
from maskprep.storage.manifest import differing
from maskprep.tasks.expectations import load_copy
from maskprep.tasks.plan import Run
from maskprep.tasks.preparation import Preparation
from maskprep.tasks.records import Record, config_from, installed_versions
from maskprep.tasks.rerun import (
    SHOWN_SOURCES,
    RepairRequest,
    Rerun,
    job_of,
    open_corpus,
    reads_text,
    recipe_of,
    require_same_sources,
    roles_of,
    was_piped,
)
from maskprep.tasks.running import Context
from maskprep.tasks.tokenization import CorpusText
from maskprep.tasks.training import train_once
from maskprep.tasks.validation import lacks_validation
from maskprep.tasks.verification import Fault, Verification, verify_folder


def repair_folder(
    folder: DatasetFolder, request: RepairRequest, context: Context, run: Run
) -> Verification:
    """Verify a folder that is held; make anew what is broken; say what is still wrong.

    A shard is replaced only by one that has the bytes of the manifest. A manifest that cannot be
    believed is left alone, and with it everything that it describes.

    Raises:
        ConfigError: inputs or tokenizer are needed and not given, or are others than those the
            data set was made from.
    """
    found = verify_folder(folder, run)
    if not found.faults or found.at("manifest.json"):
        return found
    rerun = Rerun(folder, found.manifest, request, context, run)
    broken = found.broken_shards()
    if broken and not request.inputs:
        raise ConfigError(_inputs_wanted(found, broken))
    text = open_corpus(rerun) if request.inputs and reads_text(found.manifest) else None
    repaired: list[str] = []
    unlike: list[Fault] = []
    if found.at("tokenizer"):
        _mend_tokenizer(rerun, text)
        repaired.append("tokenizer")
    if broken:
        names, unlike = _mend_shards(rerun, broken, text)
        repaired += names
    if found.at("README.md"):
        folder.write_card(found.manifest)
        repaired.append("README.md")
    if text is not None and lacks_validation(folder, found.manifest):
        _mend_validation(rerun, text)
        repaired.append(folder.validation.name)
    sound = {number: one for number, one in found.receipts.items() if number not in broken}
    after = verify_folder(folder, run, sound)
    return replace(after, faults=(*after.faults, *unlike), repaired=tuple(repaired))


def _inputs_wanted(found: Verification, broken: Sequence[int]) -> str:
    manifest = found.manifest
    names = [source["name"] for source in manifest["sources"]]
    shown = ", ".join(names[:SHOWN_SOURCES]) + (", ..." if len(names) > SHOWN_SOURCES else "")
    what = "the corpus"
    if not reads_text(manifest):
        what = f"what 'maskprep {manifest['lineage'][-1]['stage']}' wrote"
    how, inputs = "Name it as in the first run", "INPUT..."
    if was_piped(manifest):
        how, inputs = "Pipe the same rows in", "-"
    return (
        f"{len(broken):,} of {len(found.receipts):,} shards of {found.folder} must be made anew, "
        f"which takes {what} ({shown}). {how}: 'maskprep verify {found.folder} --repair {inputs}'."
    )


def _mend_tokenizer(rerun: Rerun, text: CorpusText | None) -> None:
    """Write the folder's tokenizer anew: from its own right text, from a path, or by training."""
    manifest, folder = rerun.manifest, rerun.folder
    made = folder.work / "tokenizer"
    shutil.rmtree(made, ignore_errors=True)
    tokenizer, _ = load_copy(folder, manifest)
    if tokenizer is None:
        tokenizer = _other_tokenizer(rerun, text, made)
    write_tokenizer_copy(tokenizer, made)
    for path in sorted(made.iterdir()):
        with atomic_file(folder.tokenizer / path.name) as file:
            file.write(path.read_bytes())
    shutil.rmtree(made)


def _other_tokenizer(rerun: Rerun, text: CorpusText | None, made: Path) -> Tokenizer:
    expected = rerun.manifest["tokenizer"]["fingerprint"]
    training = rerun.manifest["settings"].get("made_with_tokenizer")
    if rerun.request.tokenizer is not None:
        tokenizer = load_tokenizer(rerun.request.tokenizer, roles_of(rerun.manifest))
        origin = f"--tokenizer {rerun.request.tokenizer}"
    elif isinstance(training, dict) and text is not None and not text.reads_stdin:
        config = config_from(TrainingConfig, training)
        tokenizer = train_once(text, config, made, rerun.run.scratch / "trained", rerun.run)
        origin = "the tokenizer that the corpus gives today"
    else:
        trained = isinstance(training, dict)
        raise ConfigError(
            f"the tokenizer of {rerun.folder.path} is not the one the rows were made with "
            f"({expected[:12]}). Name that one with --tokenizer PATH"
            + (", or the corpus, to train it again." if trained else ".")
        )
    if tokenizer.fingerprint != expected:
        raise ConfigError(
            f"{origin} is another one ({tokenizer.fingerprint[:12]}) than the rows were made with "
            f"({expected[:12]}). Nothing was changed. Name that one with --tokenizer PATH."
        )
    return tokenizer


def _mend_shards(
    rerun: Rerun, broken: Sequence[int], text: CorpusText | None
) -> tuple[list[str], list[Fault]]:
    """Run the job for the broken shards; return what was replaced, and what came out otherwise."""
    manifest, folder = rerun.manifest, rerun.folder
    job = job_of(rerun, frozenset(broken), text)
    written, results = job.fill(rerun.run, folder)
    # Of standard input this is known only now.
    require_same_sources(results["sources"], manifest["sources"])
    made = {shard["name"]: shard for shard in written}
    same: dict[str, Path] = {}
    unlike: list[Fault] = []
    for number in broken:
        entry = manifest["shards"][number]
        name = entry["name"]
        if name not in made:
            unlike.append(Fault(f"data/{name}", "did not come out again"))
        elif made[name]["sha256"] == entry["sha256"]:
            same[name] = Path(made[name]["file"])
        else:
            is_like = made[name]["rows_xxh128"] == entry["rows_xxh128"]
            unlike.append(Fault(f"data/{name}", _unlike(manifest, rows_are_same=is_like)))
    move_into(folder.data, same)
    return [f"data/{name}" for name in same], unlike


def _mend_validation(rerun: Rerun, text: CorpusText) -> None:
    """Make the validation data that is missing; its manifest shows whether it is the same."""
    recipe = recipe_of(rerun.manifest)
    parse = recipe.tokenization.special_tokens_in_text == "parse"
    tokenizer = load_tokenizer(str(rerun.folder.tokenizer), parse_special_tokens=parse)
    encoder = choose_encoder(tokenizer, rerun.context.machine.encoder)
    whole = Preparation(recipe, text, rerun.context, rerun.run.engine)
    whole.held_out(tokenizer, encoder, rerun.folder.validation)


def _unlike(manifest: Record, *, rows_are_same: bool) -> str:
    versions = "; ".join(
        f"{name} was {before}, now is {now}"
        for name, before, now in differing(manifest["versions"], installed_versions())
    )
    rows = "the same rows in other bytes" if rows_are_same else "other rows"
    return (
        f"was left as it is: made anew it holds {rows} ({versions or 'with the same versions'}). "
        f"Make the whole data set again with --overwrite"
    )
