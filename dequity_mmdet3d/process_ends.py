"""How the outside ends a command: a signal, or a reader who has enough."""
from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any


class Terminated(KeyboardInterrupt):
    """SIGTERM came, as from a scheduler or ``kill``: as Ctrl-C."""


@contextlib.contextmanager
def sigterm_as_interrupt() -> Iterator[None]:
    """Let SIGTERM raise :class:`Terminated`, so that all is cleaned up.

    Who has a handler of his own, or ignores the signal, keeps that; so do
    threads, which cannot have one, and forked children.
    """
    if threading.current_thread() is not threading.main_thread() or (
            signal.getsignal(signal.SIGTERM) != signal.SIG_DFL):
        yield
        return
    ours = os.getpid()

    def interrupt(number: int, frame: Any) -> None:
        if os.getpid() == ours:
            raise Terminated
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


class _Outlet:
    """A stream whose reader may go: what is left is said to nobody.

    Args:
        stream (TextIO): Standard output or error.
    """

    def __init__(self, stream: Any):
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with self._survived():
            self._stream.write(text)
        return len(text)

    def writelines(self, lines: Any) -> None:
        with self._survived():
            self._stream.writelines(lines)

    def flush(self) -> None:
        with self._survived():
            self._stream.flush()

    @contextlib.contextmanager
    def _survived(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            # for what waits in the buffer, too, and for Python's own end
            nobody = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nobody, self._stream.fileno())
            os.close(nobody)


@contextlib.contextmanager
def readers_may_go() -> Iterator[None]:
    """Let a command go on to its end when its reader, as ``| head``, goes."""
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (
        None if s is None else _Outlet(s) for s in streams)
    try:
        yield
    finally:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
        sys.stdout, sys.stderr = streams
