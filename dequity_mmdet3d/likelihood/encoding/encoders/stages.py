"""What a network's stages see, next to what its last layer makes of it.

A classifier's last layer is trained to forget light, haze, rain and contrast.
The mean and the standard deviation of each channel of the earlier stages keep
them.

Shape letters: B batch, C channels, H and W pixels, L tokens, S stages, D
embedding size: twice the channels of all stages.
"""
from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F

# Of a chain of equal blocks: its quarters
_QUARTERS = 4


class StageReader:
    """Collects the statistics of modules while their network runs.

    Threads may run the network at the same time; each gets its own.

    Args:
        modules (Sequence[torch.nn.Module]): Whose outputs are stages; one
            that runs twice makes two.
    """

    def __init__(self, modules: Sequence[torch.nn.Module]):
        self._mine = threading.local()
        self._tokens_first = set()
        for module in modules:
            module.register_forward_hook(self._keep)

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

    def probe(self, forward: Callable,
              blank: torch.Tensor) -> tuple[list[torch.Tensor], Any]:
        """As :meth:`run`, of one image, (1, ...).

        Learns from it which modules put their tokens before the batch, as
        some transformers do.
        """
        self._mine.tokens_first = self._tokens_first
        try:
            return self.run(forward, blank)
        finally:
            self._mine.tokens_first = None

    def _keep(self, module, _, output):
        found = getattr(self._mine, 'found', None)
        if found is None:
            return
        first = getattr(self._mine, 'tokens_first', None)
        if first is not None and output.dim() == 3 and output.shape[0] != 1:
            first.add(module)
        if module in self._tokens_first:
            output = output.transpose(0, 1)
        found.extend(channel_statistics(output))


def channel_statistics(
    output: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation of each channel over an image.

    Args:
        output (torch.Tensor): (B, C, H, W), (B, H, H, C) as some
            transformers have it, or (B, L, C).

    Returns:
        tuple[torch.Tensor, torch.Tensor]: (B, C) float32 each.
    """
    inner: tuple[int, ...] = (1, )
    if output.dim() == 4:
        _, a, b, c = output.shape
        inner = (1, 2) if a == b != c else (2, 3)
    variance, mean = torch.var_mean(output.float(), dim=inner, correction=0)
    return mean, variance.sqrt()


def join_stages(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """One embedding out of several, each of which counts as much as another.

    Args:
        parts (Sequence[torch.Tensor]): Of (B, C) float32.

    Returns:
        torch.Tensor: (B, D) float32 of length 1.
    """
    return torch.cat([F.normalize(p, dim=1) for p in parts],
                     dim=1) / math.sqrt(len(parts))


def find_stages(net: torch.nn.Module) -> list[torch.nn.Module]:
    """The modules of an image tower whose outputs are its stages.

    Args:
        net (torch.nn.Module): A residual network with ``layer1`` to
            ``layer4``, or any that has its blocks in a list.

    Returns:
        list[torch.nn.Module]: In order: those four, or else the list that
        holds the most weights; of more than four, those at its quarters.
        Empty if there is no list.
    """
    layers = [m for i in (1, 2, 3, 4) if isinstance(
        m := getattr(net, f'layer{i}', None), torch.nn.Module)]
    if len(layers) == 4:
        return layers
    chains = [m for m in net.modules() if len(list(m.children())) and
              isinstance(m, (torch.nn.ModuleList, torch.nn.Sequential))]
    if not chains:
        return []
    chain = list(max(chains, key=_weights).children())
    if len(chain) <= _QUARTERS:
        return chain
    return [chain[round(len(chain) * q / _QUARTERS) - 1]
            for q in range(1, _QUARTERS + 1)]


def _weights(module):
    return sum(p.numel() for p in module.parameters())
