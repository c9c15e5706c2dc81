"""The state of the random generators that training draws from."""
from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import torch


def random_state() -> tuple:
    """State of Python's, numpy's and torch's global generators."""
    return (random.getstate(), np.random.get_state(), torch.get_rng_state(),
            torch.cuda.get_rng_state_all()
            if torch.cuda.is_initialized() else None)


def set_random_state(state: tuple) -> None:
    """Go back to a state of :func:`random_state`."""
    python, numpy, cpu, cuda = state
    random.setstate(python)
    np.random.set_state(numpy)
    torch.set_rng_state(cpu)
    if cuda is not None:
        torch.cuda.set_rng_state_all(cuda)


# Kinds of generators, how to read their state, and how to put it back.
KINDS = (
    (random.Random, lambda g: g.getstate(), lambda g, s: g.setstate(s)),
    (np.random.RandomState, lambda g: g.get_state(),
     lambda g, s: g.set_state(s)),
    (np.random.Generator, lambda g: g.bit_generator.state,
     lambda g, s: setattr(g.bit_generator, 'state', s)),
    (torch.Generator, lambda g: g.get_state(), lambda g, s: g.set_state(s)),
)


def generators_of(model: torch.nn.Module | None = None) -> list:
    """Generators of their own that code draws from, beside the global ones.

    Args:
        model (nn.Module, optional): Its modules and their classes are looked
            through for attributes.

    Returns:
        list: Those, and the global variables of all Python modules that are
        loaded: random.Random, numpy's RandomState and Generator,
        torch.Generator. What hides in closures, or deeper in objects, is not
        found.
    """
    places: list = [vars(m) for m in list(sys.modules.values())
              if isinstance(m, ModuleType)]
    for module in model.modules() if model is not None else ():
        places += [vars(module), *map(vars, type(module).__mro__)]
    kinds = tuple(kind for kind, _, _ in KINDS)
    found = {id(value): value for place in places
             for value in list(place.values()) if isinstance(value, kinds)
             and not isinstance(value, random.SystemRandom)}
    return list(found.values())


@contextlib.contextmanager
def no_trace(model: torch.nn.Module | None = None) -> Iterator[None]:
    """A context whose draws the rest of the run does not notice.

    Args:
        model (nn.Module, optional): What draws; see :func:`generators_of`.
    """
    state = random_state()
    own = [(generator, put, get(generator))
           for generator in generators_of(model)
           for kind, get, put in KINDS if isinstance(generator, kind)]
    try:
        yield
    finally:
        for generator, put, before in own:
            put(generator, before)
        set_random_state(state)
