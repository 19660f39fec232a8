"""The validation data of a whole run: a data set of its own, in a folder within the other one."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from maskprep.errors import ConfigError, NoRowsError, ShardError
from maskprep.storage.dataset import DatasetFolder
from maskprep.storage.layout import DatasetLayout
from maskprep.storage.manifest import is_unchanged
from maskprep.tasks.records import Record
from maskprep.tasks.results import OTHER_SPLIT
from maskprep.tasks.running import Made, Summary


def with_validation(folder: DatasetFolder, made: Made, fill: Callable[[Path], Summary]) -> Made:
    """Make the validation data beside training data that is not yet committed.

    So a folder with a manifest has both. Where no document is held out, or those that are give no
    row, there is no such folder, and the manifest says so.

    Args:
        folder: of the training data, held.
        made: shards and results of the training data.
        fill: makes the validation data in a folder.
    """
    shards, results = made
    tokenized = (*results["history"], results)[0]
    said: Record = {"documents": tokenized["totals"][OTHER_SPLIT], "rows": 0, "checksum": None}
    if shards and said["documents"]:
        try:
            fill(folder.validation)
        except NoRowsError:
            pass
        else:
            manifest = DatasetLayout(folder.validation).finished_manifest("prepare")
            said["rows"] = sum(shard["rows"] for shard in manifest["shards"])
            said["checksum"] = manifest["checksum"]
    return shards, {**results, "validation": said}


def with_summary(summary: Summary) -> Summary:
    """Return the summary of a run with that of the validation data in its folder.

    Raises:
        ShardError: the data set was finished before, and its validation data is no longer there,
            or no longer as it was.
    """
    if summary.output is None or not has_validation(summary.manifest):
        return summary
    part = DatasetLayout(DatasetLayout(summary.output).validation)
    manifest = part.read_manifest()
    if manifest is None or not is_unchanged(manifest):
        what = "is missing" if manifest is None else "was changed after it was written"
        raise ShardError(
            f"{summary.output} is complete, but for its validation data: {part.manifest} {what}. "
            f"Ask 'maskprep verify {summary.output}' what to do."
        )
    return replace(summary, validation=Summary(manifest, part.path, summary.finished_before))


def has_validation(manifest: Record) -> bool:
    """Tell whether a data set has validation data in its folder."""
    return bool(manifest.get("validation", {}).get("rows"))


def lacks_validation(folder: DatasetLayout, manifest: Record) -> bool:
    """Tell whether validation data is not there at all, or was begun and not finished."""
    part = DatasetLayout(folder.validation)
    is_begun = part.work.exists() and not part.manifest.exists()
    return has_validation(manifest) and (is_begun or not part.path.exists())


def validation_faults(folder: DatasetLayout, manifest: Record) -> Iterator[tuple[str, str]]:
    """Compare the folder of the validation data with what the manifest says of it.

    Args:
        folder: of the data set.
        manifest: of it, without faults of its own.

    Yields:
        Where a fault is, a path in the folder, and what.
    """
    part, said = DatasetLayout(folder.validation), manifest.get("validation")
    if said is not None:
        tokenized = [*manifest.get("history", []), manifest][0]
        counted = tokenized["totals"].get(OTHER_SPLIT)
        if said["documents"] != counted:
            what = f"validation.documents is {said['documents']}; tokenization counted {counted}"
            yield "manifest.json", what
    if not has_validation(manifest):
        if part.path.exists():
            yield part.path.name, "is none of this data set: its manifest has no validation data"
        return
    try:
        found = part.finished_manifest("prepare")
    except (ConfigError, ShardError) as error:
        yield part.path.name, str(error) if part.path.exists() else "is missing"
        return
    said, rows = manifest["validation"], sum(shard["rows"] for shard in found["shards"])
    if found.get("checksum") != said["checksum"]:
        yield part.path.name, "is another data set than the one that was made with this"
    elif rows != said["rows"]:
        yield "manifest.json", f"validation.rows is {said['rows']}; the validation data has {rows}"
