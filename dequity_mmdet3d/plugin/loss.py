"""``DequityLoss``: the losses of a detector, each sample with its weight.

Shape letters: B samples of a batch.
"""
import contextlib
import inspect
from fnmatch import fnmatchcase
from types import MethodType

import torch

from mmdet3d.registry import MODELS
from .attribution import (carries_gradient, map_tensors, weigh, weigh_rows)
from .batch import metas_in
from .boundaries import (ROWS, check_found, find_boundaries, find_entries,
                         watched)
from .gradient import BatchWeights
from .randomness import random_state, set_random_state
from .weighting import BatchWeighting


@MODELS.register_module()
class DequityLoss:
    """Multiplies each sample's part of a detector's losses by its weight.

    The gradient that flows back through the predictions of sample i is
    multiplied by w_i, which gives the gradient of
    sum_i w_i * sum_j l_ij / F exactly. The values of the losses stay those
    of the host, so that the curves of runs with and without equity compare.
    It holds no parameters, changes no class and leaves no trace in the state
    dict, in the model's config and at test time.

    Args:
        eta (float, optional): None takes the weight that
            :class:`DequityDataset` gave to the sample. With a number (or
            with ``gamma`` or ``schedule``), weights are made anew from the
            samples' likelihoods, in place of the data set's.
            Defaults to None.
        gamma (float, optional): As ``eta``. What is not given of the two is
            the data set's. Defaults to None.
        normalize (str, optional): 'mean' divides by the mean weight of the
            training set; only with ``eta``, ``gamma`` or ``schedule``, since
            otherwise the data set decides. Defaults to None.
        schedule (dict, optional): ``eta`` and ``gamma`` over the course of
            training, see :class:`.schedule.Schedule`. Defaults to None.
        terms (list[str], optional): Patterns (``*``, ``?``) of the loss
            terms to weigh, by the name that the head gives them, 'loss_bbox',
            or with the head's own, 'roi_head.bbox_head.loss_cls'. The others
            stay as they are; their head computes its losses twice.
            None weighs all. Defaults to None.
        boundaries (dict, optional): Methods of a user's own modules that
            take predictions and return losses, where they are not called
            ``loss_by_feat``; see :func:`.boundaries.find_boundaries`.
            Defaults to None.

    Raises:
        ValueError: For parameters out of range.
    """

    def __init__(self,
                 eta=None,
                 gamma=None,
                 normalize=None,
                 schedule=None,
                 terms=None,
                 boundaries=None):
        self.weights = BatchWeighting(eta, gamma, normalize, schedule)
        if terms is not None and (isinstance(terms, str) or not terms):
            raise ValueError('terms of DequityLoss must be a list of patterns '
                             f"such as ['loss_cls'], but got {terms!r}")
        self.terms = terms
        self.boundaries = boundaries
        self.layouts = {}  # by boundary, see attribution.compare_sizes
        self.seen_terms = {}  # by boundary, whether each is to be weighed
        self.used = []  # weights since the last call of take_used
        self.listener = None
        self._batch = None
        self._busy = False
        self._patched = []

    def fit(self, likelihood, eta=1.0, gamma=5.0):
        """Learn the training set, see :meth:`.BatchWeighting.fit`."""
        self.weights.fit(likelihood, eta, gamma)

    def take_used(self):
        """list[float]: Weights used since the last call."""
        used, self.used = self.used, []
        return used

    def attach(self, model):
        """Weigh the losses of a detector from here on.

        Call :func:`.examine.examine` before, so that it is known where the
        samples are in the predictions.

        Args:
            model (nn.Module): A detector of the host, unwrapped.

        Raises:
            ValueError: If nothing in it takes predictions and returns
                losses, as far as is known.
        """
        self.detach()
        boundaries = check_found(find_boundaries(model, self.boundaries),
                                 model)
        for module, method, position in find_entries(model):
            self._patch(module, method, _entry(self, module, method, position))
        for boundary in boundaries:
            for method, samples_of in watched(boundary.module):
                self._patch(boundary.module, method,
                            _watch(boundary.module, method, samples_of))
            self._patch(boundary.module, boundary.method,
                        _boundary(self, boundary))

    def _patch(self, module, name, function):
        own = module.__dict__.get(name)
        self._patched.append((module, name, own))
        # a bound method, which a copy of the model binds to the copy
        module.__dict__[name] = MethodType(function, module)

    def detach(self):
        """Give the detector back as it was."""
        for module, name, own in reversed(self._patched):
            if own is None:
                del module.__dict__[name]
            else:
                module.__dict__[name] = own
            module.__dict__.pop(ROWS, None)
        self._patched = []

    @contextlib.contextmanager
    def batch(self, metas):
        """Weigh what is computed in this context by these samples.

        Args:
            metas (list[dict]): Meta information of B samples.
        """
        before = self._batch
        values = self.weights(metas)
        if before is None:
            self.used += values
        if before is None or before.values != values:
            self._batch = BatchWeights(values)
        try:
            yield
        finally:
            self._batch = before

    def is_weighed(self, boundary, term):
        """Whether a loss term is among ``terms``.

        Args:
            boundary (Boundary): Where it is computed.
            term (str): Its name there.
        """
        return self.terms is None or any(
            fnmatchcase(name, pattern) for pattern in self.terms
            for name in (term, f'{boundary.owner}.{term}'))

    def _weights_at(self, arguments):
        if self._batch is not None:
            return self._batch
        for value in arguments.values():
            if isinstance(value, (list, tuple)) and value and all(
                    isinstance(v, dict) for v in value):
                return BatchWeights(self.weights(value))
        raise ValueError(
            'DequityLoss cannot tell which samples this loss is of: it was '
            'called outside of a method loss(..., batch_data_samples)')

    def losses(self, boundary, module, run, arguments):
        """The losses at a boundary, weighed.

        Args:
            boundary (Boundary): Which one.
            module (nn.Module): Its module, or that of a copy of the model.
            run (Callable): The host's method, from arguments to losses.
            arguments (dict): By name.

        Returns:
            What ``run`` returns.
        """
        weights = self._weights_at(arguments)
        if self.listener is not None and self.listener(
                boundary.name, arguments, len(weights)):
            return run(arguments)
        elif self.listener is None and all(w == 1 for w in weights.values):
            # the host's own bits: a product with 1 may be laid out otherwise
            # in memory, and be summed in another order then
            return run(arguments)
        known = self.seen_terms.setdefault(boundary.name, {})
        if known and not any(known.values()):
            return run(arguments)
        state = random_state() if self.terms is not None else None
        if boundary.rows is not None:
            scaled = weigh_rows(
                arguments, lambda x: boundary.rows(module, arguments, x,
                                                   len(weights)), weights)
        else:
            scaled = weigh(arguments, self.layouts.get(boundary.name, {}),
                           weights)
        plain = None
        if self.terms is not None:  # a loss may write into its arguments
            plain = map_tensors(
                lambda x, _: x.clone() if carries_gradient(x) else None,
                arguments)
        with boundary.inside(module, weights):
            out = run(scaled)
        losses = out[0] if isinstance(out, tuple) else out
        known.update(
            {term: self.is_weighed(boundary, term)
             for term in losses if term not in known})
        others = [term for term in losses if not known[term]]
        if others:
            # once more, with the same draws, for the terms left alone
            set_random_state(state)
            stock = run(plain)
            stock = stock[0] if isinstance(stock, tuple) else stock
            losses.update({term: stock[term] for term in others})
        return out


def _stock(module, name):
    """The method as it was: a function whose first argument is the module."""
    own = module.__dict__.get(name)
    if own is None:
        return getattr(type(module), name)
    return lambda self, *args, **kwargs: own(*args, **kwargs)


def _entry(loss, module, name, position):
    """Where data samples come in, with their weights."""
    stock = _stock(module, name)
    parameter, place = position

    def entry(self, *args, **kwargs):
        samples = kwargs.get(parameter,
                             args[place] if len(args) > place else None)
        metas = metas_in(samples) if torch.is_grad_enabled() else None
        if metas is None:
            return stock(self, *args, **kwargs)
        with loss.batch(metas):
            return stock(self, *args, **kwargs)

    return entry


def _watch(module, name, samples_of):
    """A method that tells which sample rows belong to."""
    stock = _stock(module, name)

    def watch(self, points, *args, **kwargs):
        self.__dict__[ROWS] = samples_of(points)
        return stock(self, points, *args, **kwargs)

    return watch


def _boundary(loss, boundary):
    """Where predictions become losses."""
    module, name = boundary.module, boundary.method
    stock = _stock(module, name)
    signature = inspect.signature(getattr(module, name))

    def at_boundary(self, *args, **kwargs):
        # a boundary within another has its weights already
        if loss._busy or not torch.is_grad_enabled():
            return stock(self, *args, **kwargs)

        def run(arguments):
            bound = inspect.BoundArguments(signature, arguments)
            return stock(self, *bound.args, **bound.kwargs)

        loss._busy = True
        try:
            return loss.losses(boundary, self, run,
                               signature.bind(*args, **kwargs).arguments)
        finally:
            loss._busy = False

    return at_boundary
