"""``DequityLoss``: the losses of a detector, each sample with its weight."""
from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from mmdet3d.registry import MODELS

from .attachment import Attachment
from .batch_weights import BatchWeighting

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

    from .examination import Examination

VALUES = ('weighted', 'stock')


@MODELS.register_module()
class DequityLoss:
    """Multiplies each sample's part of a detector's losses by its weight.

    The gradient that flows back through the predictions of sample i is
    multiplied by w_i, which gives the gradient of
    sum_i w_i * sum_j l_ij / F exactly. Heads of the Anchor3DHead family show
    this sum as the value of their losses; other heads show the host's values.
    It holds settings and no parameters, changes no class and leaves no trace
    in the state dict, in the model's config and at test time.

    Args:
        eta (float, optional): None takes the weight that
            :class:`.DequityDataset` gave to the sample. With a number (or
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
            terms to weight, by the name in the log, 'decode.loss_sem_seg', by
            the name that the head gives them, 'loss_sem_seg', or with the
            head's own, 'roi_head.bbox_head.loss_cls'. The others
            stay as they are; their head computes its losses twice.
            None weights all. Defaults to None.
        boundaries (dict, optional): Methods of a user's own modules that
            take predictions and return losses, where they are not called
            ``loss_by_feat``; see :func:`.boundaries.find_boundaries`.
            Defaults to None.
        values (str): 'weighted' shows weighted values where the element
            weights of the targets give them; 'stock' shows the host's, so
            that curves of runs with and without equity compare. Gradients
            are the same. Defaults to 'weighted'.

    Raises:
        ValueError: For parameters out of range.
    """

    def __init__(self,
                 eta: float | None = None,
                 gamma: float | None = None,
                 normalize: str | None = None,
                 schedule: dict | None = None,
                 terms: Sequence[str] | None = None,
                 boundaries: dict | None = None,
                 values: str = 'weighted'):
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
        if values not in VALUES:
            raise ValueError(f'values of DequityLoss must be one of {VALUES}, '
                             f'but got {values!r}')
        self.terms = terms
        self.boundaries = boundaries
        self.values = values
        self._attached: Attachment | None = None

    def fit(self, likelihood: np.ndarray, eta: float = 1.0,
            gamma: float = 5.0) -> None:
        """Learn the training set, see :meth:`.BatchWeighting.fit`."""
        self.weights.fit(likelihood, eta, gamma)

    def selects(self, *names: str) -> bool:
        """bool: Whether a loss term, by one of its names, is weighted."""
        return self.terms is None or any(
            self.matching(pattern, names) for pattern in self.terms)

    @staticmethod
    def matching(pattern: str, names: Sequence[str]) -> bool:
        """bool: Whether a pattern matches one of some names."""
        return any(fnmatchcase(name, pattern) for name in names)

    def attach(self, model: nn.Module,
               found: Examination | None = None) -> Attachment:
        """Weight the losses of a detector from here on.

        Args:
            model (nn.Module): A detector of the host, unwrapped.
            found (Examination, optional): What :func:`.examine.examine` found
                in it. Without it only predictions whose axis of samples is
                plain are weighted, in gradient, and the others raise.

        Returns:
            Attachment: Until :meth:`detach`.

        Raises:
            ValueError: If nothing in it takes predictions and returns
                losses, as far as is known.
        """
        self.detach()
        self._attached = Attachment(self, model, found)
        return self._attached

    def detach(self) -> None:
        """Give the detector back as it was."""
        if self._attached is not None:
            self._attached.detach()
        self._attached = None

    def take_used(self) -> list[float]:
        """list[float]: Weights used since the last call."""
        return self._attached.take_used() if self._attached else []
