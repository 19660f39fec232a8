"""Runs of the command: hundreds of them, quickly, on a machine that fails when a test wants it."""

import contextlib
import hashlib
import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Ended:
    """How a run ended.

    Attributes:
        code: exit code, or minus the number of the signal that killed it.
        stderr: what it said.
    """

    code: int
    stderr: str
    stdout: str = ""

    def assert_one_line(self, code, *parts):
        assert self.code == code, (self.code, self.stderr)
        lines = self.stderr.splitlines()
        assert len(lines) == 1, self.stderr
        for part in parts:
            assert part in lines[0]


class Running:
    """A run of the command."""

    def __init__(self, nursery, pid, folder):
        self._nursery = nursery
        self._folder = folder
        self.pid = pid

    def kill(self, number=signal.SIGKILL):
        os.kill(self.pid, number)

    def kill_group(self, number):
        os.killpg(self.pid, number)

    def wait_until_stopped(self):
        while "T (stopped)" not in (status := Path(f"/proc/{self.pid}/status").read_text()):
            assert "Z (zombie)" not in status, self.stderr()
            time.sleep(0.01)

    def stderr(self):
        return (self._folder / "stderr").read_text("utf-8")

    def wait(self):
        code = self._nursery.ask({"wait": self.pid})
        return Ended(code, self.stderr(), (self._folder / "stdout").read_text("utf-8"))


class Nursery:
    """Starts runs (`nursery.py`)."""

    def __init__(self, process, scratch):
        self._process = process
        self._scratch = scratch
        self._runs = 0
        self._answer()  # It is ready.

    def ask(self, request):
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self):
        return int(self._process.stdout.readline())

    def start(
        self, *arguments, folder=None, umask=0o022, limits=None, user=None, ignored=None, **env
    ):
        """Start a run; further keywords are environment variables."""
        self._runs += 1
        place = folder or self._scratch / f"run-{self._runs}"
        place.mkdir(parents=True, exist_ok=True)
        for name in ("stdout", "stderr"):
            (place / name).unlink(missing_ok=True)
        words = [str(one) for one in arguments]
        env = {name: str(value) for name, value in env.items()}
        request = {
            "run": words,
            "env": env,
            "folder": str(place),
            "umask": umask,
            "limits": limits or {},
            "user": user,
            "ignored": ignored,
        }
        return Running(self, self.ask(request), place)

    def run(self, *arguments, **options):
        return self.start(*arguments, **options).wait()


def tree_of(folder):
    """Name and hash of everything in a folder."""
    return {
        path.relative_to(folder).as_posix(): (
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        )
        for path in sorted(folder.rglob("*"))
    }


def children_of(pid):
    """Process ids of all that a process has started, and those of them."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(child) for child in task.read_text().split()]
    return found + [below for child in found for below in children_of(child)]


def assert_gone(processes, seconds=10):
    """Check that processes end by themselves, soon."""
    deadline = time.monotonic() + seconds
    left = set(processes)
    while left and time.monotonic() < deadline:
        time.sleep(0.02)
        left = {pid for pid in left if is_alive(pid)}
    assert left == set()


def is_alive(pid):
    """Tell whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
