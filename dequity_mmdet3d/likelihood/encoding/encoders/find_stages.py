"""Which modules of a network are its stages, found by watching it run.

Networks name and nest their parts as they like, but all make an image smaller
step by step, or keep their tokens. So a stage is the last output of each
resolution, whatever the module; and where there are fewer than three
resolutions, as in most transformers, the blocks at the quarters of the chain.

Shape letters: B batch, C channels, H and W pixels, L tokens.
"""
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from .stages import Stage

# Of a chain of equal blocks: its quarters
_QUARTERS = 4
# A network with fewer resolutions than this is such a chain
_RESOLUTIONS = 3


@dataclass(eq=False)
class _Call:
    """One run of a module, and those within it, in order of their ends."""
    module: torch.nn.Module | None
    shape: tuple[int, ...] | None = None
    inner: list[_Call] = field(default_factory=list)


def find_stages(net: torch.nn.Module, forward: Callable,
                blank: torch.Tensor) -> list[Stage]:
    """The stages of an image network.

    Args:
        net (torch.nn.Module): In evaluation mode.
        forward (Callable): What runs it, ``net`` itself or what calls it.
        blank (torch.Tensor): (1, 3, H, W) what it takes.

    Returns:
        list[Stage]: In the order in which they run.

    Raises:
        ValueError: If no module gives pixels or tokens.
    """
    root = _watch(net, forward, blank)
    layouts = _layouts(root, _at_half_size(net, forward, blank))
    stages = _last_of_each_resolution(_trunk(root, layouts), layouts)
    if len(stages) < _RESOLUTIONS:
        stages = _quarters(net, layouts)
    if not stages:
        raise ValueError(
            f'no module of this network ({type(net).__name__}) gives pixels '
            'or tokens, so that it has no stages; give --features pooled')
    return [layouts[module][0] for module in stages]


def _watch(net, forward, blank):
    """The calls of all modules, as a tree."""
    stack = [_Call(None)]

    def begin(module, _):
        call = _Call(module)
        stack[-1].inner.append(call)
        stack.append(call)

    def end(module, _, output):
        call = stack.pop()
        if isinstance(output, torch.Tensor):
            call.shape = tuple(output.shape)

    hooks = [handle for module in net.modules() for handle in (
        module.register_forward_pre_hook(begin),
        module.register_forward_hook(end))]
    try:
        with torch.inference_mode():
            forward(blank)
    finally:
        for handle in hooks:
            handle.remove()
    return stack[0]


def _at_half_size(net, forward, blank):
    height, width = blank.shape[2:]
    try:
        return _watch(net, forward, blank[..., :height // 2, :width // 2])
    except Exception:  # it takes one size only, and each says so in its way
        return _Call(None)


def _flat(call):
    for inner in call.inner:
        yield from _flat(inner)
        yield inner


def _layouts(root, half):
    """Stage and number of pixels of each module that has both.

    A module that runs twice has neither, as nothing tells its outputs apart.
    """
    seen, smaller, again = {}, {}, set()
    for call in _flat(root):
        if call.module in seen:
            again.add(call.module)
        seen[call.module] = call.shape
    for call in _flat(half):
        smaller[call.module] = call.shape
    found = {}
    for module, shape in seen.items():
        axis = shape and _channels(shape, smaller.get(module))
        if axis and module not in again:
            pixels = math.prod(shape) // shape[axis]
            if pixels > 1:  # one has no deviation
                found[module] = Stage(module, axis, shape[0] != 1), pixels
    return found


def _channels(shape, smaller):
    """Axis of the channels in the output for one image, or None."""
    if len(shape) == 3:  # (1, L, C) or (L, 1, C)
        return 2 if 1 in shape[:2] else None
    if len(shape) != 4 or shape[0] != 1:
        return None
    if smaller is not None and len(smaller) == 4:
        same = [i for i in (1, 2, 3) if shape[i] == smaller[i]]
        if len(same) == 1:
            return same[0] if same[0] != 2 else None
    # it takes no other size: then its own is a square
    _, a, b, c = shape
    return 1 if b == c else 3 if a == b else None


def _trunk(root, layouts):
    """Calls in order, opened as long as this shows more resolutions."""
    calls = [root]
    while True:
        known = len(_last_of_each_resolution(calls, layouts))
        for i, call in enumerate(calls):
            opened = [*calls[:i], *_flat(call), *calls[i + 1:]]
            if len(_last_of_each_resolution(opened, layouts)) > known:
                calls[i:i + 1] = call.inner
                break
        else:
            return calls


def _last_of_each_resolution(calls, layouts):
    """Modules, in order; half the pixels make another resolution."""
    found, pixels = [], 0
    # from the end: what is small for once, inside of a block, is passed over
    for call in reversed(calls):
        if call.module in layouts and layouts[call.module][1] >= 2 * pixels:
            found.append(call.module)
            pixels = layouts[call.module][1]
    return found[::-1]


def _quarters(net, layouts):
    """Of the chain of blocks that holds the most weights."""
    chains = []
    for module in net.modules():
        if isinstance(module, (torch.nn.ModuleList, torch.nn.Sequential)):
            blocks = list(module.children())
            if blocks and all(block in layouts for block in blocks):
                chains.append(blocks)
    if not chains:
        return []
    chain = max(chains, key=lambda blocks: sum(
        p.numel() for block in blocks for p in block.parameters()))
    if len(chain) <= _QUARTERS:
        return chain
    return [chain[round(len(chain) * q / _QUARTERS) - 1]
            for q in range(1, _QUARTERS + 1)]
