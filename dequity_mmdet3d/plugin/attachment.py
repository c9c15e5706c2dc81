"""A detector whose losses are weighted, from attaching to detaching.

Shape letters: B samples of a batch.
"""
from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from mmengine.logging import print_log

from ..weighting.attribution import (
    carries_gradient,
    map_tensors,
    tensors_in,
    weight_predictions,
)
from ..weighting.gradient import BatchWeights
from ..weighting.leaks import loss_terms
from ..weighting.randomness import random_state, set_random_state
from ..weighting.values import are_sums, ones, show_weighted
from .batch import all_metas_in, metas_in
from .examination import Examination, check_terms
from .patches import patch, take_back

if TYPE_CHECKING:
    from torch import nn

    from .boundaries import Boundary
    from .loss import DequityLoss


class Attachment:
    """Stands around the methods of one detector, see :mod:`.patches`.

    Args:
        loss (DequityLoss): The settings.
        model (nn.Module): A detector of the host, unwrapped.
        found (Examination, optional): Of :func:`.examine.examine`. Without
            it only predictions are weighted whose axis of samples is plain,
            and values stay the host's.
        watch (Callable, optional): Computes the losses at boundaries in place
            of the weighted ones, to see what there is; for the examination.
        always (bool): Whether weights of 1 are multiplied, too.
            Defaults to False.
    """

    def __init__(self, loss: DequityLoss, model: nn.Module,
                 found: Examination | None = None,
                 watch: Callable | None = None, always: bool = False):
        self.loss = loss
        self.found = found or Examination()
        # what there is to weight; without an examination nothing is known
        self.terms = None if found is None else set(found.terms)
        self._watch, self._always = watch, always
        self._used = []  # weights since the last call of take_used
        self._batch: BatchWeights | None = None
        self._samples: list | None = None
        self._within = False  # a boundary
        self._weighted = False  # since the detector began its losses
        self._selected = {}  # by boundary, whether each term is weighted
        # by boundary and term, whether it is a sum; None while it is 0
        self._sums = {(name, term): None for name, terms in
                      self.found.unsure.items() for term in terms}
        self._patches = patch(self, model)

    def detach(self) -> None:
        """Give the detector back as it was."""
        take_back(self._patches)
        self._patches = []

    def take_used(self) -> list[float]:
        """list[float]: Weights used since the last call."""
        used, self._used = self._used, []
        return used

    @contextlib.contextmanager
    def batch(self, samples: list) -> Iterator[None]:
        """Weight what is computed in this context by these samples.

        Args:
            samples (list): B data samples, or lists of frames; or the
                ``img_metas`` of a flat batch.
        """
        before = self._batch, self._samples
        values = self.loss.weights(all_metas_in(samples))
        if before[0] is None:
            self._used += values
        if before[0] is None or before[0].values != values:
            self._batch = BatchWeights(values)
            self._samples = samples if metas_in(samples) else None
        try:
            yield
        finally:
            self._batch, self._samples = before

    def step(self, run: Callable, model: nn.Module) -> dict:
        """A detector's losses: is there a term that was not examined?

        Args:
            run (Callable): Without arguments, to the losses.
            model (nn.Module): The detector, or a copy.

        Returns:
            dict: What ``run`` returns.

        Raises:
            ValueError: If a term gets around the weights.
        """
        self._weighted = False
        losses = run()
        # where all weights are 1 the host's methods ran, without weights
        if self.terms is not None and self._weighted:
            new = {name: value for name, value in losses.items()
                   if name not in self.terms}
            if loss_terms(new):
                self.terms |= set(check_terms(self.loss, new, model))
        return losses

    def at_boundary(self, boundary: Boundary, module: nn.Module, run: Callable,
                    arguments: dict) -> Any:
        """The losses at a boundary, weighted.

        Args:
            boundary (Boundary): Which one.
            module (nn.Module): Its module, or that of a copy of the model.
            run (Callable): The host's method, from arguments to losses.
            arguments (dict): By name.

        Returns:
            What ``run`` returns.
        """
        if self._within:  # of another, and has its weights already
            return run(arguments)
        self._within = True
        try:
            weights = self._weights_at(arguments)
            if self._watch is not None:
                return self._watch(boundary, module, run, arguments, weights,
                                   self._samples)
            # the host's own bits: a product with 1 may be laid out otherwise
            # in memory, and be summed in another order then
            if not self._always and all(w == 1 for w in weights.values):
                return run(arguments)
            return self._losses(boundary, module, run, arguments, weights)
        finally:
            self._within = False

    def _weights_at(self, arguments):
        if self._batch is not None:
            return self._batch
        for value in arguments.values():
            if isinstance(value, (list, tuple)) and value and all(
                    isinstance(v, dict) for v in value):
                return BatchWeights(self.loss.weights(value))
        raise ValueError(
            'DequityLoss cannot tell which samples this loss is of: it was '
            'called outside of a method loss(..., batch_data_samples) and of '
            'a forward(img_metas=...)')

    def _losses(self, boundary, module, run, arguments, weights):
        selected = self._selected.setdefault(boundary.name, {})
        if selected and not any(selected.values()):
            return run(arguments)
        self._weighted = True
        state = plain = None
        if self.loss.terms is not None:
            # a loss may write into its arguments
            state, plain = random_state(), map_tensors(_copied, arguments)
        out = self._run_weighted(boundary, module, run, arguments, weights)
        losses = losses_of(out)
        for term in losses:
            if term not in selected:
                selected[term] = self.loss.selects(
                    term, f'{boundary.owner}.{term}',
                    *self.found.names.get((boundary.name, term), ()))
        others = [term for term in losses if not selected[term]]
        if others:
            # once more, with the same draws, for the terms left alone
            set_random_state(state)
            stock = losses_of(run(plain))
            losses.update({term: stock[term] for term in others})
        return out

    def _run_weighted(self, boundary, module, run, arguments, weights):
        told = boundary.rows and partial(boundary.rows, module)
        layout = self.found.layouts.get(boundary.name, {})
        shown = self.found.shown.get(boundary.name, ())
        scaled = weight_predictions(arguments, layout, weights, told,
                                    dict(data_samples=self._samples))
        if not shown:
            with boundary.inside(module, weights):
                return run(scaled)
        with elements_of(boundary, module, arguments, weights) as factors:
            with boundary.inside(module, weights):
                out = run(scaled)
        losses = losses_of(out)
        losses.update({
            term: map_tensors(
                lambda x, _: show_weighted(x, factors, weights)
                if carries_gradient(x) else None, losses[term])
            for term in shown if term in losses
            and self._is_sum(boundary, term, losses[term], factors)
        })
        return out

    def _is_sum(self, boundary, term, losses, factors):
        """Whether a term's value can be weighted, by its first that is not 0.

        Reads values back, but only of terms that the examination saw as 0.
        """
        key = boundary.name, term
        if self._sums.get(key, True) is None:
            self._sums[key] = are_sums(tensors_in(losses), factors)
            if self._sums[key] is False:
                print_log(
                    f'DequityLoss: {term} is weighted in gradient alone, as '
                    "no sum by its elements' weights; it shows upstream's",
                    'current', level=logging.WARNING)
        return self._sums.get(key) is not False


@contextlib.contextmanager
def elements_of(boundary, module, arguments, weights):
    """A context in which the elements of losses have factors of 1.

    Args:
        boundary (Boundary): With ``elements``.
        module (nn.Module): Its module.
        arguments (dict): With predictions.
        weights (BatchWeights): B weights.

    Yields:
        Tensor: (B,) factors, see :func:`.values.ones`.
    """
    factors = ones(weights, tensors_in(arguments)[0])
    with boundary.elements(module, factors):
        yield factors


def losses_of(out):
    """The dict of losses in what a boundary returns."""
    return out[0] if isinstance(out, tuple) else out


def _copied(x, path):
    return x.clone() if carries_gradient(x) else None
