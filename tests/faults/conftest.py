"""A way to run the command hundreds of times, with system calls that fail when a test wants it."""

import json
import os
import pydoc_data.topics
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_runs import Nursery, tree_of

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def shim(tmp_path_factory):
    """The library that makes system calls fail."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("no C compiler, or no Linux: system calls cannot be made to fail")
    library = tmp_path_factory.mktemp("shim") / "shim.so"
    command = [compiler, "-Wall", "-Werror", "-O1", "-shared", "-fPIC", "-o", library]
    subprocess.run([*command, HERE / "shim.c", "-ldl"], check=True)
    return library


@pytest.fixture(scope="session")
def texts(tmp_path_factory):
    """Sixteen documents of real prose, 57 kB."""
    folder = tmp_path_factory.mktemp("texts")
    for name in sorted(pydoc_data.topics.topics)[:16]:
        text = pydoc_data.topics.topics[name]
        (folder / f"{name}.txt").write_text(text[:6000], encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def commands(texts, toy_tokenizer, tmp_path_factory):
    """Every command that fills a folder, as the arguments before --output; with many tasks."""
    folder = tmp_path_factory.mktemp("made")
    configuration = folder / "run.toml"
    configuration.write_text(
        '[corpus]\ndocuments = "file"\nblock_bytes = 20000\n'
        "[training]\nvocab_size = 300\n"
        "[pairing]\nmax_seq_length = 64\n"
        '[masking]\nunit = "word"\nepochs = 2\n'
        "[shards]\nshard_rows = 150\n"
    )
    tokenizer = ["--tokenizer", str(toy_tokenizer)]
    prepare = ["prepare", str(texts), "--config", str(configuration)]
    pair = ["pair", str(folder / "tokenize"), "--max-seq-length", "64", "--shard-rows", "150"]
    mask = ["mask", str(folder / "pair"), "--epochs", "2", "--shard-rows", "150"]
    given = {
        "tokenize": ["tokenize", str(texts), "--documents", "file", "--shard-rows", "4"],
        "pair": pair,
        "mask": mask,
        "prepare": [*prepare, *tokenizer],
        "prepare and train": prepare,
        "prepare both": [*prepare, *tokenizer, "--validation", "0.3"],
    }
    given["tokenize"] += tokenizer
    return {name: [*words, "--workers", "1", "--quiet"] for name, words in given.items()}, folder


@pytest.fixture(scope="session")
def nursery(shim, commands, tmp_path_factory):
    """Starts runs of the command; each has been carried out once, undisturbed."""
    given, made = commands
    warm = [[*words, "--output", str(made / name)] for name, words in given.items()]
    command = [sys.executable, str(HERE / "nursery.py"), json.dumps(warm)]
    env = {**os.environ, "LD_PRELOAD": str(shim), "TOKENIZERS_PARALLELISM": "false"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=env, **pipes) as process:
        yield Nursery(process, tmp_path_factory.mktemp("runs"))
        process.stdin.close()


@pytest.fixture(scope="session")
def undisturbed(nursery, commands):  # noqa: ARG001 - which made them
    """What an undisturbed run of each command makes."""
    given, made = commands
    return {name: tree_of(made / name) for name in given}
