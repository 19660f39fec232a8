"""The command `maskprep`, also as `python -m maskprep`."""

import signal


def main() -> None:
    """Run the command line."""
    # Before and after a run there is nothing to unwind, and nothing to say.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    from maskprep.cli import app  # noqa: PLC0415 - it takes a moment

    app.main()


if __name__ == "__main__":
    main()
