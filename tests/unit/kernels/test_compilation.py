"""The cache of compiled kernels: shared by processes, and never needed for a right result."""

import os
import subprocess
import sys
from pathlib import Path

import naive
import numba
import pytest

if numba.config.DISABLE_JIT:
    pytest.skip("nothing is compiled", allow_module_level=True)

ROOT = Path(__file__).resolve().parents[3]
KEYS = """
import numpy as np
from maskprep.kernels.counter_rng import shuffle_keys
keys = np.zeros(3, np.uint64)
shuffle_keys(np.arange(3), np.uint64(1), np.uint64(2), keys)
print(keys.tolist())
"""
EXPECTED = str([naive.shuffle_key(example, 1, 2) for example in range(3)])
KERNELS = {"shuffle_keys"}
"""The others of the module are not called, so they are not compiled."""


def start(program, **environment):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def results(processes):
    outcomes = [process.communicate(timeout=120) for process in processes]
    assert [error for _, error in outcomes] == [""] * len(processes)
    return [output.strip() for output, _ in outcomes]


def folders_with(parent, home=None):
    """Return variables that make `parent` the cache's place on every system."""
    home = home or parent
    return {
        "XDG_CACHE_HOME": str(parent),
        "HOME": str(parent),
        "LOCALAPPDATA": str(parent),
        "TMPDIR": str(home),
        "TEMP": str(home),
    }


def entries(folder, suffix):
    return sorted(path.name.split(".")[1].split("-")[0] for path in folder.rglob(f"*.{suffix}"))


def test_processes_started_together_agree_and_leave_one_entry_per_kernel(tmp_path):
    environment = folders_with(tmp_path)
    assert results([start(KEYS, **environment) for _ in range(3)]) == [EXPECTED] * 3
    assert entries(tmp_path, "nbi") == entries(tmp_path, "nbc") == sorted(KERNELS)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nb?")}
    assert results([start(KEYS, **environment)]) == [EXPECTED]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nb?")} == files


def test_a_cache_folder_that_cannot_be_written_to_is_replaced_by_another(tmp_path):
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, where a folder should be")
    other = tmp_path / "other"
    other.mkdir()
    assert results([start(KEYS, **folders_with(blocked, other))]) == [EXPECTED]
    assert entries(other, "nbc") == sorted(KERNELS)


def test_without_any_folder_kernels_are_compiled_each_time(tmp_path):
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, where a folder should be")
    program = f"import tempfile; tempfile.tempdir = {str(blocked)!r}\n" + KEYS
    assert results([start(program, **folders_with(blocked))]) == [EXPECTED]
    assert [path.name for path in tmp_path.iterdir()] == ["blocked"]


def test_a_host_programs_own_cache_setting_is_kept(tmp_path):
    program = """
import numba
numba.config.CACHE_DIR = "somewhere"
""" + KEYS.replace("print(keys.tolist())", "print(numba.config.CACHE_DIR)")
    assert results([start(program, **folders_with(tmp_path))]) == ["somewhere"]
