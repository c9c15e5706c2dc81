"""The value of a weighted loss: sum_i w_i l_i / F.

The gradient scaled at the predictions (:mod:`.gradient`) is that of the
weighted loss, whatever its value shows. Where a loss is a sum of elements
with a weight each, as those of anchor heads are, a factor u_i on the elements
of sample i makes it L(u) = sum_i u_i l_i / F. So the derivative by u_i is
sample i's part of the loss, and sum_i w_i dL / du_i the weighted value. By
Euler's theorem the parts add up to the loss exactly where it is linear in
its element weights, which :func:`is_sum` sees.

Shape letters: B samples.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from .gradient import BatchWeights

TOLERANCE = 1e-4  # of float32 sums over some 1e6 elements


class ShowValue(torch.autograd.Function):
    """A loss that shows another value; its gradient stays."""

    @staticmethod
    def forward(ctx: Any, loss: torch.Tensor,
                value: torch.Tensor) -> torch.Tensor:
        """``loss`` and ``value`` of one shape."""
        return value.clone()

    @staticmethod
    def backward(ctx: Any,
                 gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        """That of the loss."""
        return gradient, None


def ones(weights: BatchWeights, like: torch.Tensor) -> torch.Tensor:
    """(B,) factors u = 1 with a gradient, for the elements of each sample.

    Args:
        weights (BatchWeights): B weights.
        like (Tensor): A prediction, for device and dtype.
    """
    return torch.ones_like(weights.like(like), requires_grad=True)


def scale_elements(elements: torch.Tensor,
                   factors: torch.Tensor) -> torch.Tensor:
    """Element weights of a batch, with the factors of their samples.

    Args:
        elements (Tensor): (B, ...) weights of the elements of a loss.
        factors (Tensor): (B,), see :func:`ones`.
    """
    return elements * factors.view(-1, *[1] * (elements.dim() - 1))


def parts_of(loss: torch.Tensor, factors: torch.Tensor) -> torch.Tensor | None:
    """Each sample's part of a loss.

    Args:
        loss (Tensor): A scalar, computed with ``factors`` on its elements.
        factors (Tensor): (B,), see :func:`ones`.

    Returns:
        Tensor | None: (B,) of dL / du_i. None for a loss that does not
        depend on them.
    """
    if loss.dim() or not loss.requires_grad:
        return None
    return torch.autograd.grad(
        loss, factors, retain_graph=True, allow_unused=True)[0]


def is_sum(loss: torch.Tensor, factors: torch.Tensor) -> bool:
    """Whether a loss is the sum of the samples' parts.

    Reads its value back, for which a GPU is waited for.

    Args:
        loss (Tensor): See :func:`parts_of`.
        factors (Tensor): (B,), see :func:`ones`.

    Returns:
        bool: True also for a loss of 0 without elements.
    """
    parts = parts_of(loss, factors)
    total, value = (0.0 if x is None else float(x.detach().sum())
                    for x in (parts, loss))
    return abs(total - value) <= TOLERANCE * abs(value)


def are_sums(losses: Sequence[torch.Tensor],
             factors: torch.Tensor) -> bool | None:
    """Whether losses are sums of the samples' parts.

    Args:
        losses (Sequence[Tensor]): See :func:`parts_of`.
        factors (Tensor): (B,), see :func:`ones`.

    Returns:
        bool | None: None while all are 0, which anything is a sum of.
    """
    if not any(float(x.detach()) for x in losses):
        return None
    return all(is_sum(x, factors) for x in losses)


def show_weighted(loss: torch.Tensor, factors: torch.Tensor,
                  weights: BatchWeights) -> torch.Tensor:
    """A loss of the same gradient with the value sum_i w_i l_i / F.

    Args:
        loss (Tensor): See :func:`parts_of`.
        factors (Tensor): (B,), see :func:`ones`.
        weights (BatchWeights): B weights.

    Returns:
        Tensor: A scalar; ``loss`` itself where it has no parts.
    """
    parts = parts_of(loss, factors)
    if parts is None:
        return loss
    value = (parts * weights.like(parts)).sum()
    return ShowValue.apply(loss, value.to(loss.dtype))
