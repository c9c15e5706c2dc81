"""Whether what only a GPU does is done right on this one.

Each path of this package that only a GPU takes has a check, which compares
it with the CPU or with what must come out. ``dequity doctor --gpu`` runs all
of them; docs/gpu.md lists them.
"""
from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..messages import error_line

if TYPE_CHECKING:
    import torch

OK, FAILED, SKIPPED = 'ok', 'failed', 'skipped'


class Skip(Exception):
    """A check that has nothing to check here; its message says why."""


@dataclass(frozen=True)
class Check:
    """A path that only a GPU takes.

    Args:
        name (str): Unique.
        what (str): What is compared, for the documentation.
        run (Callable): Takes a torch.device, returns the figures that it
            found; raises :class:`Skip`, or ValueError where they are wrong.
    """
    name: str
    what: str
    run: Callable[[torch.device], str]


@dataclass(frozen=True)
class Outcome:
    """What a check found.

    Args:
        check (Check): Which.
        state (str): ``OK``, ``FAILED`` or ``SKIPPED``.
        text (str): Figures, or a reason.
        seconds (float): It took.
    """
    check: Check
    state: str
    text: str
    seconds: float


def all_checks() -> tuple[Check, ...]:
    """All checks, what others depend on first."""
    from . import offline, training
    return *offline.CHECKS, *training.CHECKS


def run_checks(device: torch.device) -> Iterator[Outcome]:
    """Run all checks, one after the other.

    Args:
        device (torch.device): A GPU; with the CPU they compare it with
            itself.

    Yields:
        Outcome: Of each as soon as it has ended.
    """
    for check in all_checks():
        start = time.perf_counter()
        try:
            state, text = OK, check.run(device)
        except Skip as e:
            state, text = SKIPPED, str(e)
        except Exception as e:  # whatever a device does wrong is the finding
            state, text = FAILED, f'{type(e).__name__}: {error_line(e)}'
        yield Outcome(check, state, text, time.perf_counter() - start)


def demand(holds: bool, text: str) -> None:
    """Raise ValueError with what was found unless it holds."""
    if not holds:
        raise ValueError(text)
