"""What a network's stages see, next to what its last layer makes of it.

A classifier's last layer is trained to forget light, haze, rain and contrast.
The mean and the standard deviation of each channel of the earlier stages keep
them. :mod:`.find_stages` says which stages a network has.

Shape letters: B batch, C channels, H and W pixels, L tokens, D embedding
size: twice the channels of all stages.
"""
from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F


@dataclass(frozen=True)
class Stage:
    """A module whose output is a stage.

    Args:
        module (torch.nn.Module): Runs once in a forward pass; one that runs
            twice makes two stages.
        channels (int): Axis of the channels, once the batch comes first: 1
            in (B, C, H, W), the default; 3 in (B, H, W, C); 2 in (B, L, C).
        tokens_first (bool): Whether it is (L, B, C), as some transformers
            have it.
    """
    module: torch.nn.Module
    channels: int = 1
    tokens_first: bool = False


class StageReader:
    """Collects the statistics of stages while their network runs.

    Threads may run the network at the same time; each gets its own.

    Args:
        stages (Sequence[Stage]): Of one network.
    """

    def __init__(self, stages: Sequence[Stage]):
        self._mine = threading.local()
        for stage in stages:
            stage.module.register_forward_hook(
                functools.partial(self._keep, stage))

    def run(self, forward: Callable,
            batch: torch.Tensor) -> tuple[list[torch.Tensor], Any]:
        """Run a network and read its stages.

        Args:
            forward (Callable): Of the network.
            batch (torch.Tensor): (B, ...) its input.

        Returns:
            tuple[list[torch.Tensor], Any]: Mean and standard deviation of
            each stage, (B, C) float32, in the order in which they ran; and
            what ``forward`` returned.
        """
        self._mine.found = found = []
        try:
            return found, forward(batch)
        finally:
            self._mine.found = None

    def _keep(self, stage, module, _, output):
        found = getattr(self._mine, 'found', None)
        if found is None:
            return
        if stage.tokens_first:
            output = output.transpose(0, 1)
        found.extend(channel_statistics(output, stage.channels))


def channel_statistics(
        output: torch.Tensor,
        channels: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation of each channel over an image.

    Args:
        output (torch.Tensor): (B, ...), any layout of pixels or tokens.
        channels (int): Axis of the channels, see :class:`Stage`.

    Returns:
        tuple[torch.Tensor, torch.Tensor]: (B, C) float32 each.
    """
    pixels = [axis for axis in range(1, output.dim()) if axis != channels]
    output = output.float()
    # in two passes, which are vectorised: torch.var_mean took 12 times as
    # long on a CPU, a quarter of the network's own time
    mean = output.mean(dim=pixels, keepdim=True)
    variance = (output - mean).square_().mean(dim=pixels)
    return mean.flatten(1), variance.sqrt_()


def join_stages(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """One embedding out of several, each of which counts as much as another.

    Args:
        parts (Sequence[torch.Tensor]): Of (B, C) float32.

    Returns:
        torch.Tensor: (B, D) float32 of length 1.
    """
    return torch.cat([F.normalize(p, dim=1) for p in parts],
                     dim=1) / math.sqrt(len(parts))
