"""The validation data of a whole run: a data set of its own, in a folder within the other one."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from maskprep.errors import ConfigError, NoRowsError, ShardError
from maskprep.storage.dataset import DatasetFolder
from maskprep.storage.layout import DatasetLayout
from maskprep.tasks.records import Record
from maskprep.tasks.results import OTHER_SPLIT
from maskprep.tasks.running import Made, Summary
from maskprep.tasks.verification import Fault, Verification


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
        ShardError: the data set was finished before, and its validation data is no longer there.
    """
    if summary.output is None or not has_validation(summary.manifest):
        return summary
    part = DatasetLayout(summary.output).validation
    manifest = DatasetLayout(part).read_manifest()
    if manifest is None:
        raise ShardError(
            f"{summary.output} is complete, but for its validation data: {part} is missing. Ask "
            f"'maskprep verify {summary.output}' what to do."
        )
    return replace(summary, validation=Summary(manifest, part, summary.finished_before))


def has_validation(manifest: Record) -> bool:
    """Tell whether a data set has validation data in its folder."""
    return bool(manifest.get("validation", {}).get("rows"))


def verify_validation(
    found: Verification, folder: DatasetFolder, verify: Callable[[DatasetFolder], Verification]
) -> Verification:
    """Verify the validation data that belongs to a data set, too.

    Args:
        found: in the folder itself.
        folder: of the data set.
        verify: another folder.
    """
    if found.at("manifest.json") or not has_validation(found.manifest):
        return found
    part = DatasetFolder(folder.validation, folder.temp_dir)
    try:
        manifest = part.finished_manifest("prepare")
    except (ConfigError, ShardError) as error:
        what = str(error) if part.path.exists() else "is missing"
        return replace(found, faults=(*found.faults, Fault(part.path.name, what)))
    if manifest.get("checksum") != found.manifest["validation"]["checksum"]:
        fault = Fault(part.path.name, "is another data set than the one that was made with this")
        found = replace(found, faults=(*found.faults, fault))
    return replace(found, validation=verify(part))
