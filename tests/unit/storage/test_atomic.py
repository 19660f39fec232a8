"""Files that appear whole or not at all."""

import errno
import os

import pytest

from maskprep.errors import MachineError, ShardError
from maskprep.storage.atomic import atomic_file, hash_file, machine_errors


def test_a_file_has_its_name_only_when_it_is_complete(tmp_path):
    path = tmp_path / "folder" / "file"
    with atomic_file(path) as file:
        file.write(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_an_old_file_stays_until_the_new_one_is_complete(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with atomic_file(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("error", [ShardError("broken"), ValueError("bug"), KeyboardInterrupt()])
def test_after_any_failure_the_old_file_is_there_and_nothing_else(tmp_path, error):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def write_half():
        with atomic_file(path) as file:
            file.write(b"new")
            raise error

    with pytest.raises(type(error)):
        write_half()
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_the_file_and_then_its_folder_are_synced(tmp_path, monkeypatch):
    synced = []
    sync = os.fsync

    def record(descriptor):
        is_named = (tmp_path / "file").exists()
        synced.append(("folder" if os.path.isdir(descriptor) else "file", is_named))  # noqa: PTH112 - a descriptor
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    with atomic_file(tmp_path / "file") as file:
        file.write(b"new")
    assert synced == [("file", False), ("folder", True)]


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    path = tmp_path / "file" / "part"
    with pytest.raises(MachineError, match="part: cannot be written"), atomic_file(path):
        pass
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (errno.ENOSPC, "Free some space"),
        (errno.EACCES, "Choose a folder that you may write to"),
        (errno.EROFS, "on a disk that can be written to"),
        (errno.EIO, "Check the disk"),
    ],
)
def test_the_machines_refusals_name_the_file_and_what_to_do(tmp_path, code, advice):
    path = tmp_path / "file"
    expected = f"file: cannot be written: .*{advice}"
    with pytest.raises(MachineError, match=expected), atomic_file(path):
        raise OSError(code, os.strerror(code))
    assert list(tmp_path.iterdir()) == []


def test_a_closed_pipe_is_no_error_of_the_machine():
    with pytest.raises(BrokenPipeError), machine_errors("stdout"):
        raise BrokenPipeError


def test_the_hash_of_a_file_is_its_sha256(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    # FIPS 180-4's own example.
    assert hash_file(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
