"""Which part of a prediction belongs to which sample.

Shape letters: B samples, R rows of all samples.
"""
from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from .rows import Equal

if TYPE_CHECKING:
    from .gradient import BatchWeights

SAMPLES = 'samples'
TOLD = 'told'


def map_tensors(function: Callable[[Any, tuple], Any], value: Any,
                path: tuple = ()) -> Any:
    """A nested value with some of its tensors replaced.

    Lists, tuples, dicts and sparse tensors (spconv's, or others that have
    ``features`` and ``replace_feature``) are walked through; what does not
    change keeps its identity, so that losses that write into their arguments
    still do.

    Args:
        function (Callable): From (value, path) to a tensor that takes the
            place of a tensor, a list or a tuple; None walks on.
        value: Any.
        path (tuple): Keys and numbers that lead to it.

    Returns:
        The same, or a copy with the new tensors.
    """
    new = function(value, path)
    if new is not None or isinstance(value, torch.Tensor):
        return value if new is None else new
    if isinstance(value, dict):
        mapped = {k: map_tensors(function, v, (*path, k))
                  for k, v in value.items()}
        changed = {k: v for k, v in mapped.items() if v is not value[k]}
        if changed:
            value = value.copy()
            value.update(changed)
    elif isinstance(value, (list, tuple)):
        items = [map_tensors(function, v, (*path, i))
                 for i, v in enumerate(value)]
        if any(a is not b for a, b in zip(items, value)):
            value = (type(value)(*items) if hasattr(value, '_fields') else
                     type(value)(items))
    elif hasattr(value, 'replace_feature'):
        features = map_tensors(function, value.features, (*path, 'features'))
        if features is not value.features:
            value = value.replace_feature(features)
    return value


def tensors_in(value: Any) -> list[torch.Tensor]:
    """Tensors in a value that carry a gradient; see :func:`map_tensors`."""
    found: list = []
    map_tensors(lambda x, _: found.append(x) if carries_gradient(x) else None,
                value)
    return found


def carries_gradient(value: Any) -> bool:
    """Whether this is a tensor with a gradient."""
    return isinstance(value, torch.Tensor) and value.requires_grad


def sizes_of(value: Any) -> dict[tuple, tuple[int, ...] | int]:
    """What depends on the number of samples in the arguments of a loss.

    Returns:
        dict[tuple, tuple[int, ...] | int]: By path, the shapes of tensors
        with gradient and the lengths of lists.
    """
    sizes: dict = {}

    def note(value: Any, path: tuple) -> None:
        if carries_gradient(value):
            sizes[path] = tuple(value.shape)
        elif isinstance(value, (list, tuple)):
            sizes[path] = len(value)

    map_tensors(note, value)
    return sizes


def compare_sizes(one_less: dict, sizes: dict, b: int) -> dict:
    """Where the samples are, from two batches, one of them smaller by one.

    Args:
        one_less (dict): :func:`sizes_of` with b - 1 samples.
        sizes (dict): With b.
        b (int): Number of samples, >= 2.

    Returns:
        dict[tuple, int | str | None]: By path: the axis of the samples in a
        tensor; ``SAMPLES`` for a list of one entry a sample; None where
        nothing can be said.
    """
    layout: dict = {}
    for path, size in sizes.items():
        before = one_less.get(path)
        if isinstance(size, int):
            if (before, size) == (b - 1, b):
                layout[path] = SAMPLES
            continue
        grown = [
            axis for axis, pair in enumerate(zip(before or (), size))
            if pair == (b - 1, b)
        ]
        layout[path] = (grown[0] if len(grown) == 1
                        and len(before or ()) == len(size) else None)
    return layout


def join_layouts(one: dict, other: dict) -> dict:
    """What two calls of a loss in one step agree on.

    Args:
        one (dict): By path, see :func:`weight_predictions`.
        other (dict): Likewise.

    Returns:
        dict: None where they differ, but that numbers of equal rows are
        collected.
    """
    joined = {**one, **other}
    for path in set(one) & set(other):
        a, b = one[path], other[path]
        if isinstance(a, Equal) and isinstance(b, Equal):
            joined[path] = Equal(a.numbers | b.numbers)
        elif a != b:
            joined[path] = None
    return joined


def weight_predictions(arguments: dict, layout: dict, weights: BatchWeights,
                       told: Callable | None = None,
                       more: dict | None = None) -> dict:
    """Scale the gradients of predictions by the weights of their samples.

    Args:
        arguments (dict): Of a loss, by name.
        layout (dict): By path: an axis, ``SAMPLES`` or None, see
            :func:`compare_sizes`; a rule of :mod:`.rows`; or ``TOLD``. A
            tensor that it does not name has its samples on the first or
            second axis, if only one of them has their number; with ``told``,
            in its rows.
        weights (BatchWeights): B weights.
        told (Callable, optional): From (arguments, (R, ...) tensor, B) to
            the (R,) sample numbers of its rows.
        more (dict, optional): What rules may look at beside the arguments.

    Returns:
        dict: New arguments. Tensors for which the layout says None are as
        they were; if the loss depends on them, :func:`.leaks.find_leaks`
        sees it.

    Raises:
        ValueError: For a tensor of other rows or another axis than the
            layout says, and for one that it does not name, if there is no
            telling where its samples are.
    """
    b = len(weights)
    known = {**(more or {}), **arguments}

    def scale_own(value: Any, path: tuple, i: int) -> Any:
        return weights.scale_sample(value, i) if carries_gradient(
            value) else None

    def scale(value: Any, path: tuple) -> Any:
        if b == 1:
            return (weights.scale_sample(value, 0)
                    if carries_gradient(value) else None)
        where = layout.get(path)
        if where == SAMPLES and isinstance(value, (list, tuple)) and (
                len(value) == b):
            return type(value)([
                map_tensors(partial(scale_own, i=i), v)
                for i, v in enumerate(value)
            ])
        if not carries_gradient(value) or not value.dim():
            return None
        if path not in layout:
            where = TOLD if told else _guess(path, tuple(value.shape), b)
        if where is None or where == SAMPLES:
            return None
        if isinstance(where, int):
            _check_axis(path, tuple(value.shape), where, b)
            return weights.scale_axis(value, where)
        rule: Any = told if where == TOLD else where
        samples = rule(known, value, b)
        if len(samples) == len(value):
            return weights.scale_rows(value, samples)
        if path not in layout:
            return None
        raise ValueError(
            f'the prediction {_name(path)} has {len(value)} rows, but '
            f'{"its head" if where == TOLD else where} tells of '
            f'{len(samples)} in this batch of {b} samples, so rows cannot be '
            'told apart by sample; let the method that takes them also take '
            'the sample number of each row, (R,) or first in (R, ...) '
            'coordinates')

    return map_tensors(scale, arguments)


def _name(path: tuple) -> str:
    return '.'.join(map(str, path))


def _check_axis(path: tuple, shape: tuple[int, ...], axis: int,
                b: int) -> None:
    if shape[axis:axis + 1] != (b, ):
        raise ValueError(
            f'the prediction {_name(path)} of shape {shape} has not {b} '
            f'entries, one a sample, on axis {axis}, where its samples were '
            'when the loss was examined before training')


def _guess(path: tuple, shape: tuple[int, ...], b: int) -> int:
    axes = [axis for axis in (0, 1) if shape[axis:axis + 1] == (b, )]
    if len(axes) != 1:
        raise ValueError(
            f'in the prediction {_name(path)} of shape {shape} '
            f'there is no telling which axis is that of the {b} samples, as '
            'it was not there when the loss was examined before training')
    return axes[0]
