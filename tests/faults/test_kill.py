"""Killed anywhere, any number of times: the same command makes the same folder.

`MASKPREP_TEST_ALL=1 pytest tests/faults` goes through every system call, and takes minutes.
"""

import itertools
import random
import shutil
import signal
import time

import pytest
from command_runs import assert_gone, children_of, tree_of

COMMANDS = ["tokenize", "pair", "mask", "prepare", "prepare and train", "prepare both"]
CALLS = ["open", "write", "fsync", "rename", "unlink"]


def calls_of(nursery, words, output, call, log):
    """How many calls of a kind a run makes on its output, up to the end."""
    assert nursery.run(*words, "--output", output, FAULT_LOG=log, FAULT_PATH=output).code == 0
    return sum(line.startswith(f"{call} ") for line in log.read_text().splitlines())


def killed(nursery, words, output, call, number):
    """Run until a call; return whether the run came so far."""
    env = {"FAULT_CALL": call, "FAULT_AT": number, "FAULT_DO": "kill", "FAULT_PATH": output}
    ended = nursery.run(*words, "--output", output, **env)
    assert ended.code in (0, -signal.SIGKILL), ended
    assert ended.stderr == ""
    return ended.code != 0


@pytest.mark.parametrize("name", COMMANDS)
def test_killed_at_a_call_and_run_again(nursery, commands, undisturbed, tmp_path, all_text, name):
    words = commands[0][name]
    for call in CALLS if all_text else ["rename"]:
        calls = calls_of(nursery, words, tmp_path / call / name, call, tmp_path / f"{call}.log")
        assert calls >= 8
        # The last ones give the final names.
        for number in range(1, calls + 1) if all_text else (calls // 3, calls - 1):
            output = tmp_path / f"{call}-{number}" / name
            assert killed(nursery, words, output, call, number)
            assert nursery.run(*words, "--output", output).stderr == ""
            assert tree_of(output) == undisturbed[name]
            shutil.rmtree(output.parent)


@pytest.mark.parametrize("name", ["tokenize", "prepare and train", "prepare both"])
def test_killed_while_replacing_and_run_again(
    nursery, commands, undisturbed, tmp_path, all_text, name
):
    """--overwrite takes away what was there: what a kill leaves of it must not come back."""
    words = [*commands[0][name], "--overwrite"]
    others = {
        "tokenize": ["--limit", "9"],
        "prepare and train": ["--vocab-size", "400"],
        "prepare both": ["--validation", "0.4"],
    }[name]
    for call in ("unlink", "rename") if all_text else ("unlink",):
        for number in itertools.count(1) if all_text else (5, 8):
            output = tmp_path / f"{call}-{number}" / name
            assert nursery.run(*words, *others, "--output", output).code == 0
            was_killed = killed(nursery, words, output, call, number)
            assert nursery.run(*words, "--output", output).stderr == ""
            assert tree_of(output) == undisturbed[name]
            shutil.rmtree(output.parent)
            if not was_killed:
                break
        assert number > 7


def test_killed_again_and_again_on_the_way(nursery, commands, undisturbed, tmp_path, all_text):
    """Each attempt gets a few calls further than the one before."""
    name = "prepare and train"
    for call in CALLS if all_text else ["fsync"]:
        output = tmp_path / call / name
        kills = 0
        for number in itertools.count(1, 1 if all_text else 11):
            if not killed(nursery, commands[0][name], output, call, number):
                break
            kills += 1
        assert kills >= 3
        assert tree_of(output) == undisturbed[name]


def test_killed_at_random_moments(nursery, commands, undisturbed, tmp_path, all_text):
    choose = random.Random(4)
    kills = 0
    for name in COMMANDS if all_text else ["prepare and train"]:
        started = time.monotonic()
        assert nursery.run(*commands[0][name], "--output", tmp_path / name).code == 0
        seconds = time.monotonic() - started
        for number in range(30 if all_text else 1):
            output = tmp_path / str(number) / name
            for attempt in itertools.count():
                run = nursery.start(*commands[0][name], "--output", output)
                time.sleep((choose.uniform(0.2, 1.05) + 0.1 * attempt) * seconds)
                run.kill()
                ended = run.wait()
                if ended.code == 0:
                    break
                assert (ended.code, ended.stderr) == (-signal.SIGKILL, "")
                kills += 1
            assert tree_of(output) == undisturbed[name]
    assert kills > 0


def test_killed_with_two_workers_at_random_moments(
    nursery, commands, undisturbed, tmp_path, all_text
):
    """No worker lives on, and nothing is said after the prompt is back."""
    words = [*commands[0]["prepare"], "--workers", "2"]
    choose = random.Random(2)
    for number in range(30 if all_text else 1):
        output = tmp_path / str(number) / "prepare"
        for _ in range(3 if all_text else 1):
            run = nursery.start(*words, "--output", output)
            time.sleep(choose.uniform(0.5, 2))
            processes = children_of(run.pid)
            run.kill()
            assert run.wait().code in (0, -signal.SIGKILL)
            assert_gone(processes)
            assert run.stderr() == ""
        assert nursery.run(*words, "--output", output).code == 0
        assert tree_of(output) == undisturbed["prepare"]
