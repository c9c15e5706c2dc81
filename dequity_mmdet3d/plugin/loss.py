"""``DequityLoss``: the losses of a detector, each sample with its weight.

Shape letters: B samples of a batch.
"""
import contextlib
from fnmatch import fnmatchcase

from mmdet3d.registry import MODELS

from ..weighting.attribution import (
    carries_gradient,
    map_tensors,
    weigh,
    weigh_rows,
)
from ..weighting.gradient import BatchWeights
from ..weighting.randomness import random_state, set_random_state
from .batch_weights import BatchWeighting
from .examine import check_terms
from .patches import patch, take_back


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
        if terms is not None and not (
                isinstance(terms, (list, tuple)) and terms
                and all(isinstance(term, str) for term in terms)):
            raise ValueError('terms of DequityLoss must be a list of patterns '
                             f"such as ['loss_cls'], but got {terms!r}")
        if boundaries is not None and not isinstance(boundaries, dict):
            raise ValueError(
                'boundaries of DequityLoss must be a dict from methods to '
                "None or 'rows', such as {'module.method': None}, but got "
                f'{boundaries!r}')
        self.terms = terms
        self.boundaries = boundaries
        self.layouts = {}  # by boundary, see attribution.compare_sizes
        self.seen_terms = {}  # by boundary, whether each is to be weighed
        self.matched = set()  # patterns of terms that name one
        self.examined = None  # loss terms, after examine()
        self.used = []  # weights since the last call of take_used
        self.listener = None
        self._batch = None
        self.busy = False  # within a boundary
        self.weighed = False  # since a detector began its losses
        self._patches = []

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
        self._patches = patch(self, model)

    def detach(self):
        """Give the detector back as it was."""
        take_back(self._patches)
        self._patches = []

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

    def is_weighed(self, *names):
        """Whether a loss term, by one of its names, is among ``terms``."""
        if self.terms is None:
            return True
        matched = {pattern for pattern in self.terms for name in names
                   if fnmatchcase(name, pattern)}
        self.matched |= matched
        return bool(matched)

    def check_new_terms(self, losses, model):
        """Look at loss terms that the first batch did not have.

        Args:
            losses (dict): As the detector returns it.
            model (nn.Module): The detector.

        Raises:
            ValueError: If one gets around the weights.
        """
        # where all weights are 1 the host's methods ran, without weights
        if self.examined is None or not self.weighed:
            return
        new = {k: v for k, v in losses.items()
               if 'loss' in k and k not in self.examined}
        if new:
            self.examined |= set(check_terms(self, new, model))

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
        self.weighed = True
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
            {term: self.is_weighed(term, f'{boundary.owner}.{term}')
             for term in losses if term not in known})
        others = [term for term in losses if not known[term]]
        if others:
            # once more, with the same draws, for the terms left alone
            set_random_state(state)
            stock = run(plain)
            stock = stock[0] if isinstance(stock, tuple) else stock
            losses.update({term: stock[term] for term in others})
        return out
