"""The machine refuses: one line, exit code 3, nothing half-written, and the same command goes on.

`MASKPREP_TEST_ALL=1 pytest tests/faults` lets every single call fail.
"""

import errno
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from command_runs import tree_of

import maskprep

MASKPREP = f"{sys.executable} -m maskprep"


def fault(call, code, output, **more):
    """The environment that lets a call on the output fail."""
    # Folders are closed without a look at the result, also by Python itself.
    path = ".tmp" if call == "close" else output
    return {"FAULT_CALL": call, "FAULT_DO": code, "FAULT_PATH": path, **more}


def assert_goes_on(nursery, words, output, expected):
    """The manifest is not there; the same command again makes the folder."""
    assert not (output / "manifest.json").exists()
    ended = nursery.run(*words, "--output", output)
    assert (ended.code, ended.stderr) == (0, "")
    assert tree_of(output) == expected


FAULTS = [
    ("write", errno.ENOSPC),
    ("write", errno.EIO),
    ("write", errno.EDQUOT),
    ("fsync", errno.EIO),
    ("fsync", errno.ENOSPC),
    ("rename", errno.EIO),
    ("close", errno.EIO),
    ("close", errno.EDQUOT),
    ("open", errno.ENOSPC),
]


@pytest.mark.parametrize(("call", "code"), FAULTS)
def test_a_failing_call_stops_the_run_which_goes_on_later(
    nursery, commands, undisturbed, tmp_path, all_text, call, code
):
    for name in ("prepare and train", "tokenize") if all_text else ("prepare",):
        words = commands[0][name]
        log = tmp_path / f"{name}.log"
        output = tmp_path / "undisturbed" / name
        output.parent.mkdir(exist_ok=True)
        nursery.run(*words, "--output", output, **fault(call, 0, output, FAULT_AT=0, FAULT_LOG=log))
        total = sum(line.startswith(f"{call} ") for line in log.read_text().splitlines())
        stopped = 0
        for number in range(1, total + 1) if all_text else [7 + code % 30]:
            output = tmp_path / str(number) / name
            output.parent.mkdir()
            ended = nursery.run(
                *words, "--output", output, **fault(call, code, output, FAULT_AT=number)
            )
            if ended.code == 0:  # What a library tries out, or cleaning up, may fail.
                assert tree_of(output) == undisturbed[name]
            else:
                ended.assert_one_line(3, os.strerror(code))
                assert_goes_on(nursery, words, output, undisturbed[name])
                stopped += 1
            shutil.rmtree(output.parent)
        assert stopped


def test_a_disk_that_is_full_after_so_many_bytes(
    nursery, commands, undisturbed, tmp_path, all_text
):
    words = commands[0]["prepare"]
    stopped = 0
    for size in range(1_000, 10_000_000, 9_973) if all_text else [150_000]:
        output = tmp_path / str(size) / "prepare"
        output.parent.mkdir()
        env = fault("write", errno.ENOSPC, output, FAULT_BYTES=size)
        ended = nursery.run(*words, "--output", output, **env)
        if ended.code == 0:
            break
        ended.assert_one_line(3, os.strerror(errno.ENOSPC), "Free some space")
        assert_goes_on(nursery, words, output, undisturbed["prepare"])
        stopped += 1
        shutil.rmtree(output.parent)
    assert stopped


def test_a_file_that_could_not_be_synced_is_never_synced_again_but_written_anew(
    nursery, commands, undisturbed, tmp_path
):
    """After a failed fsync the system may call lost pages clean: a second one would succeed."""
    words, output, log = commands[0]["tokenize"], tmp_path / "tokenize", tmp_path / "log"
    env = fault("fsync", errno.EIO, ".parquet", FAULT_AT=2, FAULT_LOG=log)
    ended = nursery.run(*words, "--output", output, **env)
    ended.assert_one_line(3, "Input/output error", "parquet")
    synced = [line for line in log.read_text().splitlines() if line.startswith("fsync")]
    assert len(synced) == len(set(synced)) == 2
    log.unlink()
    assert nursery.run(*words, "--output", output, FAULT_LOG=log, FAULT_PATH=".parquet").code == 0
    written = {line for line in log.read_text().splitlines() if line.startswith("write")}
    assert len(written) == 4
    assert tree_of(output) == undisturbed["tokenize"]


def test_the_manifest_comes_last_and_everything_before_it_is_on_the_disk(
    nursery, commands, tmp_path
):
    """The order of system calls is what a power failure tests: write, fsync, rename, fsync."""
    output, log = tmp_path / "prepare", tmp_path / "log"
    words = commands[0]["prepare and train"]
    env = {"FAULT_LOG": log, "FAULT_PATH": output}
    assert nursery.run(*words, "--output", output, **env).code == 0
    calls = [
        line.replace(f"{output}", "OUT").split(" ", 1) for line in log.read_text().splitlines()
    ]
    end = calls.index(["rename", "OUT/manifest.json"])
    assert ["fsync", "OUT"] in calls[end:]
    unsynced, moved = set(), set()
    for call, path in calls[:end]:
        parent = path.rpartition("/")[0]
        # Counts of words are read and removed by the process that waits for them.
        is_passing = path.endswith(("/owner", "/place", "/lock")) or "/scratch/counts/" in path
        if call == "write" and not is_passing:
            unsynced.add(path)
        elif call == "fsync":
            unsynced.discard(path)
            moved.discard(path)
        elif call == "rename":
            # Unfinished shards are synced under the name that they have in .work, later.
            name = path.rpartition("/")[2]
            before = {one for one in unsynced if f"/.work/shards/.{name}." in one}
            unsynced = unsynced - before | ({path} if before else set())
            # All others were synced under the name of before; here only the new one is known.
            assert {one for one in unsynced if one.endswith((".tmp", ".unfinished"))} == set()
            moved.add(parent)
    assert unsynced == set()
    assert {folder for folder in moved if ".work" not in folder} == set()
    shards = [number for number, one in enumerate(calls[:end]) if one[1].startswith("OUT/data/")]
    assert ["fsync", "OUT/data"] in calls[shards[-1] : end]


@pytest.mark.parametrize("what", ["short", errno.EINTR], ids=["short writes", "EINTR"])
def test_short_writes_and_interrupted_ones_change_nothing(
    nursery, commands, undisturbed, tmp_path, what
):
    output = tmp_path / "prepare"
    at = {} if what == "short" else {"FAULT_AT": 20}
    ended = nursery.run(
        *commands[0]["prepare"], "--output", output, **fault("write", what, output, **at)
    )
    assert (ended.code, ended.stderr) == (0, "")
    assert tree_of(output) == undisturbed["prepare"]


def test_a_disk_without_locks(nursery, commands, tmp_path):
    """Such as some network disks."""
    output = tmp_path / "tokenize"
    env = fault("flock", errno.ENOLCK, output)
    ended = nursery.run(*commands[0]["tokenize"], "--output", output, **env)
    ended.assert_one_line(3, "No locks available", "a disk that has file locks")


@pytest.mark.parametrize(
    ("limits", "parts"),
    [
        ({"FSIZE": 5_000}, ["File too large", "Raise the limit that 'ulimit -f' shows"]),
        ({"NOFILE": 6}, ["Too many open files", "Raise the limit that 'ulimit -n' shows"]),
        ({"AS": 0}, ["out of memory. Lower --workers or --memory"]),
    ],
    ids=["size of files", "open files", "memory"],
)
def test_a_limit_of_the_process(nursery, commands, undisturbed, tmp_path, limits, parts):
    words, output = commands[0]["prepare"], tmp_path / "prepare"
    ended = nursery.run(*words, "--output", output, limits=limits)
    ended.assert_one_line(3, *parts)
    assert_goes_on(nursery, words, output, undisturbed["prepare"])


def test_64_open_files_are_enough(nursery, commands, undisturbed, tmp_path):
    output = tmp_path / "prepare"
    words = [*commands[0]["prepare"], "--workers", "2"]
    ended = nursery.run(*words, "--output", output, limits={"NOFILE": 64})
    assert (ended.code, ended.stderr) == (0, "")
    assert tree_of(output) == undisturbed["prepare"]


@pytest.fixture
def public():
    """A folder that everybody may look into, and a user who is not root; root may do anything."""
    package = Path(maskprep.__file__)
    if os.getuid() == 0 and not all(one.stat().st_mode & 0o001 for one in package.parents):
        pytest.skip("maskprep lies in a folder that other users may not look into")
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder, 65534 if os.getuid() == 0 else None
    shutil.rmtree(folder)


@pytest.mark.parametrize("place", ["new", "there"])
def test_a_folder_that_may_not_be_written(nursery, toy_tokenizer, public, place):
    folder, user = public
    shutil.copy(toy_tokenizer, folder)
    (folder / "text.txt").write_text("Cats sleep.\nDogs bark.\n")
    (folder / "run").mkdir(mode=0o777)
    (folder / "run").chmod(0o777)
    (folder / "closed" / "there").mkdir(parents=True)
    (folder / "closed" / "there").chmod(0o555)
    (folder / "closed").chmod(0o555)
    output = folder / "closed" / place
    given = ["--tokenizer", folder / "tokenizer.json", "--output", output, "--workers", "1"]
    ended = nursery.run("tokenize", folder / "text.txt", *given, folder=folder / "run", user=user)
    (folder / "closed").chmod(0o755)
    ended.assert_one_line(3, str(output), "Permission denied", "a folder that you may write to")


def test_too_few_processes(nursery, commands, toy_tokenizer, public):
    folder, user = public
    if user is None:
        pytest.skip("the number of processes is limited for a user, who may have others")
    shutil.copy(toy_tokenizer, folder)
    shutil.copytree(commands[0]["tokenize"][1], folder / "texts")
    shutil.copy(commands[1] / "run.toml", folder)
    (folder / "run").mkdir()
    (folder / "run").chmod(0o777)
    words = ["prepare", folder / "texts", "--config", folder / "run.toml", "--quiet"]
    given = ["--tokenizer", folder / "tokenizer.json", "--output", folder / "run" / "out"]
    for processes in (1, 3):
        ended = nursery.run(
            *words,
            *given,
            "--workers",
            2,
            folder=folder / "run",
            user=user,
            limits={"NPROC": processes},
        )
        assert ended.code == 3
        assert "Traceback" not in ended.stderr
        assert len(ended.stderr.splitlines()) == 1


def mounted(folder, options, script):
    """Run a shell script with a small disk mounted on a folder, in a namespace of its own."""
    if shutil.which("unshare") is None or os.getuid() != 0:
        pytest.skip("mounting a small disk needs root and unshare")
    mount = f"mount -t tmpfs -o {options} none {folder} || exit 99\n"
    result = subprocess.run(
        ["unshare", "-m", "sh", "-c", mount + script],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if result.returncode == 99:
        pytest.skip("mounting is not permitted here")
    return result


@pytest.mark.parametrize(
    ("options", "more"),
    [("size=200k", "size=50m"), ("nr_inodes=20", "nr_inodes=1000"), ("size=9m", "ro")],
    ids=["full", "out of inodes", "read-only"],
)
def test_a_real_disk(commands, undisturbed, tmp_path, options, more):
    """Full, it says so; with more room the same command goes on. Read-only, it is refused."""
    disk, copy = tmp_path / "disk", tmp_path / "copy"
    disk.mkdir()
    copy.mkdir()
    words = " ".join(commands[0]["prepare"])
    command = f"{MASKPREP} {words} --output {disk}/prepare"
    first, again = f"{command}; echo $?\n", f"mount -o remount,{more} {disk}; {command}; echo $?\n"
    script = again if more == "ro" else first + again
    result = mounted(disk, options, f"{script} cp -r {disk}/. {copy}")
    if more == "ro":
        assert (result.stdout, len(result.stderr.splitlines())) == ("3\n", 1)
        assert "Read-only file system. Choose a folder on a disk" in result.stderr
        return
    assert result.stdout == "3\n0\n"
    assert len(result.stderr.splitlines()) == 1
    assert "No space left on device. Free some space" in result.stderr
    assert tree_of(copy / "prepare") == undisturbed["prepare"]


@pytest.mark.parametrize("command", ["tokenize - --tokenizer x", "pair -", "pack -", "mask -"])
def test_standard_input_that_is_closed(tmp_path, toy_tokenizer, command):
    words = f"{command.replace(' x', f' {toy_tokenizer}')} --output {tmp_path / 'out'}"
    script = f"{MASKPREP} {words} <&-"
    result = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "tandard input is closed. Pipe" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("redirected", "code", "message"),
    [
        ("--output OUT > /dev/full", 3, "error: the output: No space left on device"),
        ("> /dev/full", 3, "error: the output: No space left on device"),
        ("--output OUT >&-", 0, ""),
        ("| head -c 100 > /dev/null; exit ${PIPESTATUS[0]}", 141, ""),
        ("--help > /dev/full", 3, "error: the output: No space left on device"),
    ],
    ids=["report full", "data full", "closed", "reader gone", "help full"],
)
def test_standard_output_that_takes_nothing(commands, tmp_path, redirected, code, message):
    name = "mask" if "head" in redirected else "tokenize"
    words = " ".join(commands[0][name]).removesuffix("--quiet").replace("--epochs 2", "--epochs 40")
    words = re.sub("--shard-rows [0-9]+", "", words)  # A stream has none.
    command = f"{MASKPREP} {words} {redirected}".replace("OUT", str(tmp_path / "out"))
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert result.returncode == code
    assert result.stderr.startswith(message)
    assert len(result.stderr.splitlines()) == bool(message)
    assert (tmp_path / "out" / "manifest.json").exists() == ("OUT" in redirected)


@pytest.mark.parametrize("closed", ["2>&-", "2>&- <&-", ">&- 2>&- <&-"])
def test_standard_error_that_is_closed(commands, tmp_path, closed):
    words = " ".join(commands[0]["tokenize"]).removesuffix("--quiet")
    output = tmp_path / "out"
    command = f"{MASKPREP} {words} --progress json --output {output} {closed}"
    assert subprocess.run(["bash", "-c", command], check=False).returncode == 0
    assert (output / "manifest.json").exists()


@pytest.mark.parametrize("command", ["verify --json", "inspect --json", "inspect", "recipes"])
def test_a_report_that_nobody_reads(commands, tmp_path, command):
    words = " ".join(commands[0]["tokenize"])
    script = f"{MASKPREP} {words} --output {tmp_path / 'out'}; {MASKPREP} {command} "
    script += "" if command == "recipes" else str(tmp_path / "out")
    command = ["bash", "-c", f"{script} >&-"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
