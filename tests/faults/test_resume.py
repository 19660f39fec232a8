"""What a run finds where another one stopped: damage, other settings, litter, links."""

import os
import signal
import subprocess
import sys

import pytest
from command_runs import tree_of


@pytest.fixture
def stopped(nursery, commands, tmp_path):
    """A folder whose run was killed when it gave the second shard its name, and its command."""
    output = tmp_path / "prepare"
    words = commands[0]["prepare"]
    env = {"FAULT_CALL": "rename", "FAULT_PATH": output / "data", "FAULT_AT": 2, "FAULT_DO": "kill"}
    assert nursery.run(*words, "--output", output, **env).code == -signal.SIGKILL
    assert len(list((output / "data").iterdir())) == 1
    return words, output


def assert_completes(nursery, stopped, undisturbed):
    words, output = stopped
    ended = nursery.run(*words, "--output", output)
    assert (ended.code, ended.stderr) == (0, "")
    assert tree_of(output) == undisturbed["prepare"]


@pytest.mark.parametrize(
    ("place", "damage"),
    [("data", "deleted"), (".work/shards", "cut"), (".work/scratch/pairs", "longer")],
)
def test_a_finished_file_that_is_not_what_it_was_is_made_again(
    nursery, stopped, undisturbed, place, damage
):
    path = min((stopped[1] / place).iterdir())
    content = path.read_bytes()
    path.unlink()
    if damage != "deleted":
        path.write_bytes(content[:-1] if damage == "cut" else content + b"\0")
    assert_completes(nursery, stopped, undisturbed)


@pytest.mark.parametrize("place", ["spool-00000/ids", "shuffle-epoch-1"])
def test_intermediate_files_that_are_gone_are_made_again(nursery, stopped, undisturbed, place):
    path = stopped[1] / ".work" / "scratch" / place
    for file in [path] if path.is_file() else path.iterdir():
        file.unlink()
    # What was made of them too, or nobody would look.
    for shard in stopped[1].glob("**/*.parquet"):
        shard.unlink()
    assert_completes(nursery, stopped, undisturbed)


def test_an_unfinished_run_without_its_identity_starts_over(nursery, stopped, undisturbed):
    """Nobody knows what its receipts are of."""
    (stopped[1] / ".work" / "run.json").unlink()
    assert_completes(nursery, stopped, undisturbed)


def test_another_temp_dir_frees_the_space_of_the_one_before(
    nursery, stopped, undisturbed, tmp_path
):
    """A full disk is left that way: what lies on it must not stay there."""
    words, output = stopped
    places = [output / ".work" / "scratch"]
    assert list(places[0].iterdir())
    moved = {"FAULT_CALL": "rename", "FAULT_PATH": "journal/pair", "FAULT_DO": "kill"}
    for number in range(2):
        temp_dir = tmp_path / f"elsewhere-{number}"
        kept = ("--temp-dir", temp_dir, "--output", output)
        assert nursery.run(*words, *kept, FAULT_AT=1, **moved).code == -signal.SIGKILL
        assert not any(place.exists() for place in places)
        places += temp_dir.iterdir()
    assert places[-1].exists()
    assert_completes(nursery, stopped, undisturbed)
    assert not any(place.exists() for place in places)


def test_litter_of_a_dead_attempt_is_taken_away(nursery, stopped, undisturbed):
    _, output = stopped
    for folder in (".work", ".work/shards", ".work/journal", ".work/scratch", "data"):
        (output / folder / ".part-00000.parquet.123.tmp").write_bytes(b"half")
    assert_completes(nursery, stopped, undisturbed)


@pytest.mark.parametrize(
    ("option", "value", "difference"),
    [
        ("--mlm-probability", "0.2", "--mlm-probability 0.15 there, 0.2 now"),
    ],
)
def test_other_settings_are_refused_with_the_difference_and_change_nothing(
    nursery, stopped, undisturbed, option, value, difference
):
    words, output = stopped
    before = tree_of(output)
    ended = nursery.run(*words, option, value, "--output", output)
    ended.assert_one_line(2, "an unfinished run made with other settings", difference)
    after = tree_of(output)
    for name in (".work/owner", ".work/lock"):
        before.pop(name, None), after.pop(name, None)
    assert after == before
    assert_completes(nursery, stopped, undisturbed)


def test_another_input_is_refused_and_named(nursery, commands, tmp_path):
    text, output = tmp_path / "text.txt", tmp_path / "out"
    text.write_text("Cats sleep.\n\nDogs bark.\n")
    words = ["tokenize", text, *commands[0]["tokenize"][4:], "--output", output]
    env = {"FAULT_CALL": "rename", "FAULT_PATH": ".work/README", "FAULT_AT": 1, "FAULT_DO": "kill"}
    assert nursery.run(*words, **env).code == -signal.SIGKILL
    text.write_text("Cats sleep.\n\nDogs barked.\n")
    nursery.run(*words).assert_one_line(2, "sources.text.txt", "--overwrite")


def test_a_failed_overwrite_leaves_a_folder_that_can_be_filled(nursery, commands, tmp_path):
    text, output = tmp_path / "text.txt", tmp_path / "out"
    words = ["tokenize", text, *commands[0]["tokenize"][4:], "--output", output]
    for content, code in ((b"Cats sleep.\n", 0), (b"Dogs \xff bark.\n", 1), (b"Cats sleep.\n", 0)):
        text.write_bytes(content)
        assert nursery.run(*words, "--overwrite").code == code
    assert (output / "manifest.json").exists()


@pytest.mark.parametrize("change", ["grows", "shrinks", "vanishes"])
def test_an_input_that_changes_during_the_run(nursery, commands, tmp_path, change):
    """Some tasks have read it before, others would after: no data set is made of both."""
    texts, output = tmp_path / "texts", tmp_path / "out"
    texts.mkdir()
    for number in range(6):
        (texts / f"{number}.txt").write_text(f"{number} cats sleep.\n\nDogs bark.\n" * 1000)
    words = ["prepare", texts, *commands[0]["prepare"][2:], "--output", output]
    # It stops when the first receipt of a tokenization is written, until the input has changed.
    env = {"FAULT_CALL": "rename", "FAULT_PATH": "journal/tokenize", "FAULT_AT": 1}
    run = nursery.start(*words, FAULT_DO="stop", **env)
    run.wait_until_stopped()
    last = texts / "5.txt"
    if change == "vanishes":
        last.unlink()
    else:
        last.write_text("Short." if change == "shrinks" else last.read_text() + "More.\n")
    run.kill(signal.SIGCONT)
    ended = run.wait()
    ended.assert_one_line(1, str(last))
    assert not output.exists()


def test_links_in_the_output_are_not_followed_out_of_it(nursery, commands, tmp_path):
    """--overwrite takes the link away, not what it leads to."""
    words, output = commands[0]["tokenize"], tmp_path / "tokenize"
    assert nursery.run(*words, "--output", output).code == 0
    elsewhere = tmp_path / "elsewhere"
    (output / "data").rename(elsewhere)
    (output / "data").symlink_to(elsewhere)
    before = tree_of(elsewhere)
    ended = nursery.run(*words, "--limit", "3", "--overwrite", "--output", output)
    assert tree_of(elsewhere) == before
    assert ended.code in (0, 3)
    assert "Traceback" not in ended.stderr


def test_a_linked_output_folder_is_that_folder(nursery, commands, undisturbed, tmp_path):
    (tmp_path / "real" / "tokenize").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real" / "tokenize")
    assert nursery.run(*commands[0]["tokenize"], "--output", tmp_path / "link").code == 0
    assert tree_of(tmp_path / "real" / "tokenize") == undisturbed["tokenize"]


@pytest.mark.parametrize("locale", ["C", "tr_TR.UTF-8"])
def test_the_surroundings_change_nothing(nursery, commands, undisturbed, tmp_path, locale):
    output = tmp_path / "prepare and train"
    ended = nursery.run(
        *[*commands[0]["prepare and train"], "--output", output],
        folder=tmp_path / "elsewhere",
        umask=0o077,
        TZ="Asia/Kathmandu",
        LC_ALL=locale,
    )
    assert (ended.code, ended.stderr) == (0, "")
    assert tree_of(output) == undisturbed["prepare and train"]
    assert (output / "manifest.json").stat().st_mode & 0o777 == 0o600


def test_the_seed_of_hashes_and_the_workers_change_nothing(commands, undisturbed, tmp_path):
    """Both need a process that has not begun yet."""
    output = tmp_path / "prepare and train"
    words = [*commands[0]["prepare and train"], "--workers", "2", "--output", str(output)]
    environment = {**os.environ, "PYTHONHASHSEED": "4321"}
    subprocess.run([sys.executable, "-m", "maskprep", *words], check=True, env=environment)
    assert tree_of(output) == undisturbed["prepare and train"]


@pytest.fixture(scope="module")
def in_bins(nursery, commands, undisturbed, tmp_path_factory):  # noqa: ARG001 - makes the examples
    """A command whose shards are of bins, and what it makes undisturbed."""
    given, made = commands
    options = ["--bin-size", "24", "--num-shards", "2", "--epochs", "2"]
    words = ["mask", made / "pair", *options, *given["mask"][-3:]]
    output = tmp_path_factory.mktemp("bins") / "out"
    assert nursery.run(*words, "--output", output).code == 0
    return words, tree_of(output)


@pytest.mark.parametrize(
    ("place", "at", "lost"),
    [
        ("journal/bin", 1, None),
        ("journal/mask-epoch-0", 3, None),
        ("journal/epoch-00000", 1, "scratch/bin"),
        ("journal/shuffle-epoch-1", 1, "scratch/shuffle-epoch-1"),
        ("data/part-00002-bin", 1, "shards"),
    ],
)
def test_a_run_with_bins_goes_on_where_it_was_killed(nursery, in_bins, tmp_path, place, at, lost):
    words, expected = in_bins
    output = tmp_path / "out"
    env = {"FAULT_CALL": "rename", "FAULT_PATH": place, "FAULT_AT": at, "FAULT_DO": "kill"}
    assert nursery.run(*words, "--output", output, **env).code == -signal.SIGKILL
    if lost is not None:
        min((output / ".work" / lost).iterdir()).unlink()
    ended = nursery.run(*words, "--output", output)
    assert (ended.code, ended.stderr) == (0, "")
    assert tree_of(output) == expected
