"""What a detector does where its predictions become losses.

Shape letters: B samples.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from ..weighting.attribution import (
    TOLD,
    carries_gradient,
    compare_sizes,
    join_layouts,
    map_tensors,
    sizes_of,
)
from ..weighting.leaks import loss_terms, reached
from ..weighting.rows import find_rule, rules_in
from ..weighting.values import is_sum, parts_of
from .attachment import elements_of, losses_of
from .families import coupled_terms, couples

if TYPE_CHECKING:
    from torch import nn

    from ..weighting.gradient import BatchWeights
    from .boundaries import Boundary


class Observation:
    """What a detector does at its boundaries, without weights.

    Args:
        smaller (Observation, optional): Of the batch without its last
            sample. None if this is that.
        values (bool): Whether to see which values can be weighted.

    Attributes:
        calls (dict[str, list]): By boundary, of each call the number of
            samples, sizes and rules.
        layouts, names, shown, unsure: See
            :class:`.examination.Examination`.
        returned (list[str]): The detector's names.
        values (set[str]): Those of them whose values can be weighted.
        coupled (set[str]): Those that are known to be no sum over samples.
    """

    def __init__(self, smaller: Observation | None = None,
                 values: bool = False):
        self.smaller, self.weigh_values = smaller, values
        self.calls = defaultdict(list)
        self.layouts, self.shown, self.unsure = {}, {}, {}
        self.names = defaultdict(frozenset)
        self.returned, self.values, self.coupled = [], set(), set()
        self._terms = defaultdict(set)  # graph nodes of terms at boundaries
        self._coupling = {}  # graph nodes that are no sum over samples

    def watch_modules(self, model: nn.Module) -> None:
        """Note where losses couple samples; the model is a copy."""

        def note(module, inputs, output):
            if carries_gradient(output):
                self._coupling[output.grad_fn] = {'coupled'}

        for module in model.modules():
            if couples(module):
                module.register_forward_hook(note)

    def __call__(self, boundary: Boundary, module: nn.Module, run: Callable,
                 arguments: dict, weights: BatchWeights,
                 samples: list | None) -> Any:
        """In place of the weighted losses, see :mod:`.attachment`."""
        b = len(weights)
        told = boundary.rows and partial(boundary.rows, module)
        known = dict(dict(data_samples=samples), **arguments)
        self.calls[boundary.name].append(
            (b, sizes_of(arguments), rules_in(known, b)))
        if self.smaller is None:
            return run(arguments)
        layout = self._layout(boundary, told, arguments, b)
        one = self.layouts.get(boundary.name)
        # called more than once a step: what does not hold for all calls is
        # not known
        self.layouts[boundary.name] = (
            layout if one is None else join_layouts(one, layout))
        if not (self.weigh_values and boundary.elements):
            out = run(arguments)
        else:
            with elements_of(boundary, module, arguments, weights) as factors:
                out = run(arguments)
            self._find_sums(boundary.name, losses_of(out), factors)
        for term, tensors in _with_graph(losses_of(out)).items():
            self.names[boundary.name, term] |= frozenset()
            for tensor in tensors:
                self._terms[tensor.grad_fn].add((boundary.name, term))
                if term in coupled_terms(module):
                    self._coupling[tensor.grad_fn] = {'coupled'}
        return out

    def _layout(self, boundary, told, arguments, b):
        """Where the samples are in the predictions of the last call."""
        calls = self.calls[boundary.name]
        _, sizes, after = calls[-1]
        if told:
            return _told_rows(arguments, told, b)
        calls_before = self.smaller.calls[boundary.name][len(calls) - 1:]
        b_before, one_less, before = (calls_before or [(0, {}, {})])[0]
        compared = b_before == b - 1 and b > 1
        layout = compare_sizes(one_less, sizes, b) if compared else {}
        for path, size in sizes.items():
            if b == 1 or isinstance(size, int) or not size:
                continue
            if compared and (boundary.equal or layout[path] is None):
                rows = (one_less.get(path) or (size[0], ))[0]
                layout[path] = find_rule(
                    rows, size[0], before, after, b,
                    boundary.equal) or layout[path]
            elif not compared and boundary.equal:
                layout[path] = find_rule(None, size[0], {}, after, b)
        return layout

    def _find_sums(self, name, losses, factors):
        """Which terms are sums of parts, so that values can be weighted."""
        terms = _with_graph(losses)
        if any(parts_of(x, factors) is not None
               for tensors in terms.values() for x in tensors):
            sums = frozenset(
                term for term, tensors in terms.items()
                if all(is_sum(x, factors) for x in tensors))
            self.shown[name] = self.shown.get(name, sums) & sums
            self.unsure[name] = self.unsure.get(name, frozenset()) | {
                term for term in sums
                if not any(float(x.detach()) for x in terms[term])}

    def name_terms(self, losses: dict) -> None:
        """Learn what the terms of the boundaries become.

        Args:
            losses (dict): As the detector returns it.
        """
        self.returned = list(losses)
        for name, tensors in loss_terms(losses).items():
            tensors = [x for x in tensors if carries_gradient(x)]
            parts = set().union(*(reached(x, self._terms) for x in tensors))
            for part in parts:
                self.names[part] |= {name}
            if parts and all(term in self.shown.get(boundary, ())
                             for boundary, term in parts):
                self.values.add(name)
            if self._coupling and any(
                    reached(x, self._coupling) for x in tensors):
                self.coupled.add(name)


def _told_rows(arguments, told, b):
    """A layout where the head itself tells of which sample rows are."""
    layout = {}

    def note(value, path):
        if carries_gradient(value) and value.dim() and b > 1:
            layout[path] = (TOLD if len(told(arguments, value, b)) ==
                            len(value) else None)

    map_tensors(note, arguments)
    return layout


def _with_graph(losses):
    """Tensors with gradient of each entry of a dict of losses."""
    return {
        name: [x for x in (value if isinstance(value, (list, tuple)) else
                           [value]) if carries_gradient(x)]
        for name, value in losses.items()
    }
