"""Signals, dead workers, two runs at once: a word, the right exit code, nobody left behind."""

import itertools
import json
import os
import random
import shutil
import signal
import time

import pytest
from command_runs import assert_gone, children_of, tree_of

LONG = ["--epochs", "3000"]


FIRST_RECEIPT = {"FAULT_CALL": "rename", "FAULT_PATH": "journal/tokenize", "FAULT_AT": 1}


def until(condition, seconds=30):
    """Wait until something is there, and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    return pytest.fail("it does not come")


def masking(nursery, commands, output, *more):
    """Start a run that takes minutes, and wait until it masks with its workers, if it has two."""
    words = [*commands[0]["mask"], *LONG, *more]
    run = nursery.start(*words, "--output", output)
    until(lambda: list(output.glob(".work/journal/mask-*/*.json")))
    return run


@pytest.mark.parametrize(
    ("number", "code", "word", "workers"),
    [
        (signal.SIGINT, 130, "Interrupted", 2),
        (signal.SIGTERM, 143, "Terminated", 1),
        (signal.SIGHUP, 129, "Hung up", 1),
    ],
)
def test_a_signal_stops_the_run_with_a_word(
    nursery, commands, tmp_path, number, code, word, workers
):
    output = tmp_path / "mask"
    run = masking(nursery, commands, output, "--workers", workers)
    processes = children_of(run.pid)
    assert bool(processes) == (workers == 2)
    run.kill(number)
    run.wait().assert_one_line(code, f"{word}. Where it fills a folder, the same command again")
    assert_gone(processes)
    assert (output / ".work").is_dir()
    assert not (output / "manifest.json").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_whole_group_is_answered_once(nursery, commands, tmp_path, number):
    """As a terminal and a batch system send it: workers get it too, and say nothing."""
    run = masking(nursery, commands, tmp_path / "mask", "--workers", 2)
    processes = children_of(run.pid)
    run.kill_group(number)
    run.wait().assert_one_line(128 + number, "the same command again goes on")
    assert_gone(processes)


def test_a_second_interrupt_ends_at_once(nursery, commands, tmp_path):
    run = masking(nursery, commands, tmp_path / "mask", "--workers", 2)
    processes = children_of(run.pid)
    # Both before the process gets to run: it sees the second while it unwinds.
    for number in (signal.SIGSTOP, signal.SIGINT, signal.SIGCONT):
        run.kill(number)
    run.kill(signal.SIGINT)
    ended = run.wait()
    assert ended.code == 130
    assert "Traceback" not in ended.stderr
    assert_gone(processes)


def test_interrupted_again_and_again_makes_the_same_folder(
    nursery, commands, undisturbed, tmp_path, all_text
):
    words, output = commands[0]["prepare and train"], tmp_path / "prepare and train"
    choose = random.Random(4)
    for attempt in itertools.count(1):
        # However fast the machine is, the first run does not end before it is interrupted.
        env = {**FIRST_RECEIPT, "FAULT_DO": "stop"} if attempt == 1 else {}
        run = nursery.start(*words, "--output", output, **env)
        if attempt == 1:
            run.wait_until_stopped()
        else:
            time.sleep(0.01 * attempt if all_text else 0.1 * attempt)
        number = choose.choice([signal.SIGINT, signal.SIGTERM])
        run.kill(number)
        if attempt == 1:
            run.kill(signal.SIGCONT)
        ended = run.wait()
        if ended.code == 0:
            break
        # Before the command has begun, and after it has ended, a signal just ends the process.
        assert ended.code in (128 + number, -number)
        assert "Traceback" not in ended.stderr
    assert attempt > 1
    assert nursery.run(*words, "--output", output).code == 0
    assert tree_of(output) == undisturbed["prepare and train"]


def test_an_ignored_signal_stays_ignored(nursery, commands, undisturbed, tmp_path):
    """As under nohup."""
    output = tmp_path / "prepare"
    run = nursery.start(*commands[0]["prepare"], "--output", output, ignored=signal.SIGHUP)
    time.sleep(0.1)
    run.kill(signal.SIGHUP)
    assert run.wait().code == 0
    assert tree_of(output) == undisturbed["prepare"]


def test_a_killed_worker_is_named_and_the_run_goes_on_later(nursery, commands, tmp_path):
    output = tmp_path / "mask"
    words = [*commands[0]["mask"], "--epochs", "60", "--workers", "2", "--output", output]
    run = nursery.start(*words)
    until(lambda: list(output.glob(".work/journal/mask-*/*.json")))
    processes = children_of(run.pid)
    # The last ones are the workers: the server that forks them and the tracker began before.
    os.kill(max(processes), signal.SIGKILL)
    run.wait().assert_one_line(3, "a worker process was killed (out of memory?)", "--workers")
    assert_gone(processes)
    assert nursery.run(*words).code == 0
    undisturbed = tree_of(output)
    shutil.rmtree(output)
    assert nursery.run(*words).code == 0
    assert tree_of(output) == undisturbed


def test_two_runs_in_one_folder(nursery, commands, tmp_path):
    output = tmp_path / "mask"
    first = masking(nursery, commands, output)
    before = json.loads((output / ".work" / "run.json").read_text())
    second = nursery.run(*commands[0]["mask"], "--output", output, "--overwrite")
    second.assert_one_line(3, f"held by another run (process {first.pid} on ")
    assert json.loads((output / ".work" / "run.json").read_text()) == before
    done = len(list(output.glob(".work/journal/mask-*/*.json")))
    until(lambda: len(list(output.glob(".work/journal/mask-*/*.json"))) > done)
    first.kill(signal.SIGINT)
    assert first.wait().code == 130
