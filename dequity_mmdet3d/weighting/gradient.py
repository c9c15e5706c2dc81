"""The gradient that flows back through a tensor, each sample by its weight.

If a loss is a sum over samples, L = sum_i L_i(z_i) / F, with predictions z_i
of sample i, then multiplying the gradient at z_i by w_i gives the gradient of
sum_i w_i L_i(z_i) / F, exactly, whatever the network below z and the loss
above it are.

Shape letters: B samples.
"""
from __future__ import annotations

from typing import Any

import torch


class ScaleGradient(torch.autograd.Function):
    """A copy of a tensor whose gradient is multiplied by a constant.

    A copy, because losses of the host change predictions in place.
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor,
                scale: torch.Tensor) -> torch.Tensor:
        """``x`` of any shape, ``scale`` broadcastable to it."""
        ctx.save_for_backward(scale)
        return x.clone()

    @staticmethod
    def backward(ctx: Any,
                 gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        """Multiplied in the precision of ``scale``, of the old dtype."""
        scale, = ctx.saved_tensors
        return (gradient * scale).to(gradient.dtype), None


def on_device(x: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A CPU tensor, there; a GPU is not waited for.

    Memory that is pinned is copied on the side.
    """
    if device.type == 'cuda':
        x = x.pin_memory()
    return x.to(device, non_blocking=True)


class BatchWeights:
    """The weights of a batch, as tensors where they are needed.

    Args:
        values (list[float]): B weights, >= 0.
    """

    def __init__(self, values: list[float]):
        self.values = values
        self._tensors = {}

    def __len__(self) -> int:
        return len(self.values)

    def like(self, x: torch.Tensor) -> torch.Tensor:
        """(B,) tensor on the device of ``x``, float32 or wider."""
        dtype = torch.promote_types(x.dtype, torch.float32)
        if (x.device, dtype) not in self._tensors:
            self._tensors[x.device, dtype] = on_device(
                torch.tensor(self.values, dtype=dtype), x.device)
        return self._tensors[x.device, dtype]

    def scale_axis(self, x: torch.Tensor, axis: int) -> torch.Tensor:
        """Scale a tensor that has size B along ``axis``."""
        shape = [1] * x.dim()
        shape[axis] = -1
        return ScaleGradient.apply(x, self.like(x).view(shape))

    def scale_rows(self, x: torch.Tensor,
                   samples: torch.Tensor) -> torch.Tensor:
        """Scale a tensor of rows.

        Args:
            x (Tensor): (R, ...) predictions.
            samples (Tensor): (R,) numbers of the samples that the rows
                belong to, 0 to B - 1.
        """
        scale = self.like(x)[samples.long()]
        return ScaleGradient.apply(
            x, scale.view(-1, *[1] * (x.dim() - 1)))

    def scale_sample(self, x: torch.Tensor, i: int) -> torch.Tensor:
        """Scale a tensor that belongs to sample ``i`` as a whole."""
        return ScaleGradient.apply(x, self.like(x)[i])
