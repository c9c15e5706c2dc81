"""``DequityLoss`` within a detector: methods of its modules, replaced.

What is replaced is an entry of the module's own ``__dict__``: no class
changes, and a copy of the model weights its own losses.
"""
import inspect
from types import MethodType

import torch

from .batch import metas_in
from .boundaries import find_boundaries, find_entries
from .families import ROWS, watched


def patch(attached, model):
    """Let something see what a detector computes.

    Args:
        attached (Attachment): Its ``batch`` stands around each method that
            gets data samples, its ``at_boundary`` around each boundary, and
            its ``step`` around the detector's losses.
        model (nn.Module): A detector, unwrapped.

    Returns:
        list[tuple]: For :func:`take_back`.

    Raises:
        ValueError: If the detector has no boundary, as far as is known.
    """
    patches = []

    def put(module, name, function):
        patches.append((module, name, module.__dict__.get(name)))
        # a bound method, which a copy of the model binds to the copy
        module.__dict__[name] = MethodType(function, module)

    boundaries = find_boundaries(model, attached.loss.boundaries)
    for module, method, position in find_entries(model):
        put(module, method, _entry(attached, module, method, position))
    for boundary in boundaries:
        module = boundary.module
        for method, samples_of in watched(module):
            put(module, method, _watch(module, method, samples_of))
        put(module, boundary.method, _boundary(attached, boundary))
    if callable(getattr(model, 'loss', None)):
        put(model, 'loss', _outermost(attached, model))
    return patches


def take_back(patches):
    """Undo :func:`patch`."""
    for module, name, own in reversed(patches):
        if own is None:
            del module.__dict__[name]
        else:
            module.__dict__[name] = own
        module.__dict__.pop(ROWS, None)


def _stock(module, name):
    """The method as it was: a function whose first argument is the module."""
    own = module.__dict__.get(name)
    if own is None:
        return getattr(type(module), name)
    if getattr(own, '__self__', None) is module:
        return own.__func__  # patched already; a copy has its own self
    return lambda self, *args, **kwargs: own(*args, **kwargs)


def _entry(attached, module, name, position):
    """Where data samples come in, with their weights."""
    stock = _stock(module, name)
    parameter, place = position

    def entry(self, *args, **kwargs):
        samples = kwargs.get(parameter,
                             args[place] if len(args) > place else None)
        if not torch.is_grad_enabled() or metas_in(samples) is None:
            return stock(self, *args, **kwargs)
        with attached.batch(samples):
            return stock(self, *args, **kwargs)

    return entry


def _outermost(attached, model):
    """A detector's losses: is there a term that was not examined?"""
    stock = _stock(model, 'loss')

    def outermost(self, *args, **kwargs):
        return attached.step(lambda: stock(self, *args, **kwargs), self)

    return outermost


def _watch(module, name, samples_of):
    """A method that tells which sample rows belong to."""
    stock = _stock(module, name)

    def watch(self, points, *args, **kwargs):
        self.__dict__[ROWS] = samples_of(points)
        return stock(self, points, *args, **kwargs)

    return watch


def _boundary(attached, boundary):
    """Where predictions become losses."""
    module, name = boundary.module, boundary.method
    stock = _stock(module, name)
    signature = inspect.signature(getattr(module, name))

    def at_boundary(self, *args, **kwargs):
        if not torch.is_grad_enabled():
            return stock(self, *args, **kwargs)

        def run(arguments):
            bound = inspect.BoundArguments(signature, arguments)
            return stock(self, *bound.args, **bound.kwargs)

        return attached.at_boundary(boundary, self, run,
                                    signature.bind(*args, **kwargs).arguments)

    return at_boundary
