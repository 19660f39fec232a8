"""A signal ends a block, even where its exception is swallowed."""

import contextlib
import os
import signal
import time

import pytest

from maskprep.cli import signals
from maskprep.cli.signals import EndedBySignalError, ended_by_signals


def test_an_interrupt_that_something_swallows_comes_again(monkeypatch):
    monkeypatch.setattr(signals, "_AGAIN_SECONDS", 0.05)

    def swallow_one():
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(10)
        time.sleep(10)
        pytest.fail("it did not come again")

    with pytest.raises(EndedBySignalError) as caught, ended_by_signals():
        swallow_one()
    assert caught.value.number == signal.SIGINT


@pytest.mark.parametrize("number", list(signals.ENDINGS))
def test_what_breaks_after_a_signal_is_the_signals_doing(number):
    def import_something():
        try:
            os.kill(os.getpid(), number)
            time.sleep(10)
        except BaseException as error:
            raise ImportError("half imported") from error

    with pytest.raises(EndedBySignalError) as caught, ended_by_signals():
        import_something()
    assert caught.value.number == number


def test_afterwards_signals_are_handled_as_before():
    before = [signal.getsignal(number) for number in (*signals.ENDINGS, signal.SIGALRM)]
    with ended_by_signals():
        assert signal.getsignal(signal.SIGTERM) is not before[1]
    assert [signal.getsignal(number) for number in (*signals.ENDINGS, signal.SIGALRM)] == before
