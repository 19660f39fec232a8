"""The command `maskprep`, also as `python -m maskprep`."""

import contextlib
import os
import signal
import sys

from maskprep.cli.process import set_up_process


def main() -> None:
    """Run the command line."""
    # Before and after a run there is nothing to unwind, and nothing to say.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    set_up_process()

    from maskprep.cli import app  # noqa: PLC0415 - it takes a moment

    try:
        app.main()
    except SystemExit as end:
        if isinstance(end.code, int | None):
            _leave(end.code or 0)
        raise


def _leave(code: int) -> None:
    """End the process here, if its output is out.

    Every file is closed by now, and taking machine code and modules apart takes 0.4 s.
    """
    with contextlib.suppress(OSError, ValueError):
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
