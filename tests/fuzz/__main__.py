"""Fuzz every reader for a time: python -m tests.fuzz [--seconds 60] [TARGET ...].

Each target runs in a process of its own, so that a crash of the interpreter, a hang and a blow-up
of memory are seen; the bytes that did it are kept, and named. Where `atheris` is installed, its
coverage of our Python code guides the changes; else hypothesis draws them.
"""

import argparse
import contextlib
import importlib.util
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

if importlib.util.find_spec("atheris"):
    import atheris

    # Kernels are compiled from their bytecode, which must stay as it is.
    watched = atheris.instrument_imports(include=["maskprep"], exclude=["maskprep.kernels"])
else:
    atheris, watched = None, contextlib.nullcontext()
with watched:
    from tests.fuzz.targets import SEEDS, TARGETS

MOST_BYTES = 8 * 2**30
"""Of address space; what a reader needs is far below."""
LONGEST_SECONDS = 60
"""Of one input; the first one may compile kernels."""


def run_target(name, seconds, kept):
    """Fuzz one target in this process."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))

    def once(data):
        kept.write_bytes(data)
        signal.alarm(LONGEST_SECONDS)  # Its default action ends the process, whatever it does.
        TARGETS[name](data)
        signal.alarm(0)

    if atheris:
        run_with_atheris(name, seconds, once)
    else:
        run_with_hypothesis(name, seconds, once)


def run_with_atheris(name, seconds, once):
    with tempfile.TemporaryDirectory() as corpus:
        for number, data in enumerate(SEEDS[name]):
            Path(corpus, str(number)).write_bytes(data)
        limits = [f"-max_total_time={max(int(seconds), 1)}", "-rss_limit_mb=0", "-verbosity=0"]
        place = f"-artifact_prefix={tempfile.gettempdir()}/"
        atheris.Setup([sys.argv[0], *limits, place, corpus], once)
        atheris.Fuzz()


def run_with_hypothesis(name, seconds, once):
    from hypothesis import HealthCheck, Phase, given, settings

    from tests.fuzz.mutations import changed_copies

    end = time.monotonic() + seconds
    num_inputs = 0
    while time.monotonic() < end:

        @settings(
            max_examples=200,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(changed_copies(SEEDS[name]))
        def run(data):
            nonlocal num_inputs
            if time.monotonic() < end:
                num_inputs += 1
                once(data)

        run()
    print(f"{name}: {num_inputs:,} inputs")


def main():
    """Run the targets one after the other; return 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", default=list(TARGETS), metavar="TARGET")
    parser.add_argument("--seconds", type=float, default=60.0, help="of all targets together")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    seconds = options.seconds / len(options.targets)
    if options.one:
        run_target(options.targets[0], options.seconds, Path(options.one))
        return 0
    has_failed = False
    for name in options.targets:
        kept = Path(tempfile.gettempdir(), f"maskprep-fuzz-{name}-{os.getpid()}")
        command = [sys.executable, "-m", "tests.fuzz", name, "--seconds", str(seconds)]
        done = subprocess.run([*command, "--one", str(kept)], check=False)
        if done.returncode:
            has_failed = True
            print(f"{name}: exit code {done.returncode}; the bytes are in {kept}", flush=True)
        else:
            kept.unlink(missing_ok=True)
    return int(has_failed)


if __name__ == "__main__":
    sys.exit(main())
