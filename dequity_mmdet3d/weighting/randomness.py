"""The state of the random generators that training draws from."""
import contextlib
import random

import numpy as np
import torch


def random_state():
    """State of Python's, numpy's and torch's global generators."""
    return (random.getstate(), np.random.get_state(), torch.get_rng_state(),
            torch.cuda.get_rng_state_all()
            if torch.cuda.is_initialized() else None)


def set_random_state(state):
    """Go back to a state of :func:`random_state`."""
    python, numpy, cpu, cuda = state
    random.setstate(python)
    np.random.set_state(numpy)
    torch.set_rng_state(cpu)
    if cuda is not None:
        torch.cuda.set_rng_state_all(cuda)


@contextlib.contextmanager
def no_trace():
    """A context whose draws the rest of the run does not notice."""
    state = random_state()
    try:
        yield
    finally:
        set_random_state(state)
