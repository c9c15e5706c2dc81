"""Loss terms whose gradient does not pass the weights.

A look at the graph of a loss, not at numbers: it needs no backward pass and
also sees what happens to be zero in this batch.
"""
from __future__ import annotations

import torch

from .gradient import ScaleGradient


def find_leaks(term: torch.Tensor,
               names: dict[int, str]) -> tuple[bool, list[str]]:
    """Parameters that a loss reaches around the weights.

    Args:
        term (Tensor): A loss.
        names (dict[int, str]): ``id(parameter)`` to its name.

    Returns:
        tuple[bool, list[str]]: Whether any of its gradient passes a weight,
        and the names of parameters that get some that does not.
    """
    weighted, leaks = False, set()
    seen, todo = set(), [term.grad_fn]
    if id(term) in names:
        leaks.add(names[id(term)])
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if isinstance(node, ScaleGradient._backward_cls):
            weighted = True
            continue
        leaf = getattr(node, 'variable', None)
        if leaf is not None and id(leaf) in names:
            leaks.add(names[id(leaf)])
        todo += [parent for parent, _ in node.next_functions]
    return weighted, sorted(leaks)


def loss_terms(losses: dict) -> dict[str, list]:
    """The terms that a training step adds up.

    Args:
        losses (dict): As a detector returns it; as in mmengine, entries
            with 'loss' in their name count, the others are logged only.

    Returns:
        dict[str, list[Tensor]]: Their tensors by name.
    """
    return {
        name: list(value) if isinstance(value, (list, tuple)) else [value]
        for name, value in losses.items() if 'loss' in name
    }


def reached(term: torch.Tensor, nodes: dict) -> set:
    """Which places of a graph a loss depends on.

    Args:
        term (Tensor): A loss.
        nodes (dict): ``grad_fn`` of tensors to the set of what they are
            called.

    Returns:
        set: What the first ones on each way back from the loss are called.
    """
    found, seen, todo = set(), set(), [term.grad_fn]
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if node in nodes:
            found |= nodes[node]
        else:
            todo += [parent for parent, _ in node.next_functions]
    return found
