"""Rows of all samples in one tensor: which of them are whose?

A rule says where the arguments of a loss tell it. It is found in two batches,
one of them without the last sample, and is asked anew in every step: how many
rows a sample has may change.

Shape letters: B samples, R rows of all samples.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from .gradient import on_device


@dataclass(frozen=True)
class Numbered:
    """A tensor beside the prediction holds the sample number of each row.

    Args:
        path (tuple): Where in the arguments: (R,) numbers, or (R, ...)
            coordinates.
        column (int, optional): Of the coordinates.
    """
    path: tuple
    column: int | None = None

    def __str__(self) -> str:
        column = '' if self.column is None else f'[:, {self.column}]'
        return f'{_name(self.path)}{column}'

    def __call__(self, arguments: dict, x: torch.Tensor | None,
                 b: int) -> torch.Tensor:
        """(R,) sample numbers."""
        numbers = follow(arguments, self.path)
        return numbers if self.column is None else numbers[:, self.column]

    def counts(self, arguments: dict, b: int) -> tuple[int, ...] | None:
        """tuple[int, ...] | None: (B,) rows a sample; None for other
        numbers than those of B samples.
        """
        numbers = self(arguments, None, b)
        if not len(numbers) or (numbers != numbers.long()).any():
            return None
        numbers = numbers.long()
        if numbers.min() < 0 or numbers.max() >= b:
            return None
        return tuple(numbers.bincount(minlength=b).tolist())


@dataclass(frozen=True)
class Lengths:
    """Each sample has a tensor of its own, as long as it has rows.

    Args:
        path (tuple): Of a list of B entries.
        inner (tuple): Of the tensor in each of them.
    """
    path: tuple
    inner: tuple = ()

    def __str__(self) -> str:
        return f'the length of each {_name((*self.path, "i", *self.inner))}'

    def __call__(self, arguments: dict, x: torch.Tensor,
                 b: int) -> torch.Tensor:
        """(R,) sample numbers."""
        return _repeated(self.counts(arguments, b), x)

    def counts(self, arguments: dict, b: int) -> tuple[int, ...]:
        """tuple[int, ...]: (B,) rows a sample."""
        return tuple(len(follow(entry, self.inner))
                     for entry in follow(arguments, self.path))


@dataclass(frozen=True)
class Offsets:
    """A (B,) or (B + 1,) tensor of where each sample's rows end.

    Reads B numbers back in each step, for which a GPU is waited for.
    """
    path: tuple

    def __str__(self) -> str:
        return f'the offsets {_name(self.path)}'

    def __call__(self, arguments: dict, x: torch.Tensor,
                 b: int) -> torch.Tensor:
        """(R,) sample numbers."""
        return _repeated(self.counts(arguments, b) or (), x)

    def counts(self, arguments: dict, b: int) -> tuple[int, ...] | None:
        """tuple[int, ...] | None: (B,) rows a sample; None for what are no
        offsets of B samples.
        """
        ends = follow(arguments, self.path).tolist()
        if len(ends) == b:
            ends = [0, *ends]
        counts = tuple(q - p for p, q in zip(ends, ends[1:]))
        if len(counts) != b or ends[0] != 0 or min(counts) < 0:
            return None
        return counts


@dataclass(frozen=True)
class Equal:
    """As many rows in each sample as were measured, one after another.

    Args:
        numbers (frozenset[int]): Rows a sample; several where a method is
            called more than once a step.
    """
    numbers: frozenset

    def __str__(self) -> str:
        return (f'{" or ".join(map(str, sorted(self.numbers)))} rows a '
                'sample, as in the first batch,')

    def __call__(self, arguments: dict, x: torch.Tensor,
                 b: int) -> torch.Tensor:
        """(R,) sample numbers."""
        k = len(x) // b if len(x) // b in self.numbers else min(self.numbers)
        return _repeated((k, ) * b, x)


def rules_in(arguments: dict, b: int) -> dict[Callable, tuple[int, ...]]:
    """What may tell how many rows each of B samples has.

    Args:
        arguments (dict): Of a loss, by name; data samples and other objects
            with ``items()`` are looked into.
        b (int): Number of samples.

    Returns:
        dict[Callable, tuple[int, ...]]: Rules, and the (B,) counts they
        give; sample numbers first, as they hold in any order of the rows.
    """
    numbered, others = {}, {}
    for path, value in _walk(arguments):
        found: list = []
        if isinstance(value, torch.Tensor) and not value.requires_grad:
            whole = not (value.is_floating_point() or value.is_complex()
                         or value.dtype == torch.bool)
            if value.dim() == 1 and whole:
                found = [Numbered(path), Offsets(path)]
            elif value.dim() == 2 and value.shape[1] > 1:
                found = [Numbered(path, 0), Numbered(path, -1)]
        elif isinstance(value, (list, tuple)) and len(value) == b:
            each = [{inner for inner, leaf in _walk(entry)
                     if isinstance(leaf, torch.Tensor) and leaf.dim()}
                    for entry in value]
            found = [Lengths(path, inner)
                     for inner in sorted(set.intersection(*each), key=str)]
        for rule in found:
            counts = rule.counts(arguments, b)
            if counts is not None:
                (numbered if isinstance(rule, Numbered) else
                 others)[rule] = counts
    return {**numbered, **others}


def find_rule(rows_before: int | None, rows: int, before: dict, after: dict,
              b: int, equal: bool = False) -> Callable | None:
    """The rule that holds for the rows of a prediction in two batches.

    Args:
        rows_before (int, optional): Rows of the prediction without the last
            sample; None where there is no such batch.
        rows (int): With it.
        before (dict): :func:`rules_in` without the last sample.
        after (dict): With it.
        b (int): Number of samples, >= 2.
        equal (bool): Whether equally many rows a sample are a rule, too.

    Returns:
        Callable | None: From (arguments, (R, ...) tensor, B) to (R,) sample
        numbers; None where nothing tells, or not all tell the same.
    """
    if rows_before is None:
        fits = {rule: counts for rule, counts in after.items()
                if sum(counts) == rows}
    elif rows_before < rows:
        fits = {rule: counts for rule, counts in after.items()
                if sum(counts) == rows and sum(counts[:-1]) == rows_before
                and before.get(rule) == counts[:-1]}
    else:
        return None
    if len(set(fits.values())) > 1:
        return None
    if fits:
        return next(iter(fits))
    if equal and rows_before is not None and (
            rows % b == 0 and rows_before * b == rows * (b - 1)):
        return Equal(frozenset([rows // b]))
    return None


def follow(value: Any, path: tuple) -> Any:
    """What a path of keys, numbers and attributes leads to."""
    for key in path:
        value = (value[key] if isinstance(value, (dict, list, tuple)) else
                 getattr(value, key))
    return value


def _walk(value: Any, path: tuple = ()) -> Iterator[tuple[tuple, Any]]:
    """All values within one, with their paths."""
    yield path, value
    if isinstance(value, torch.Tensor):
        return
    if isinstance(value, (list, tuple)):
        items: Any = enumerate(value)
    elif hasattr(value, 'replace_feature'):
        items = [('indices', value.indices)]
    elif callable(getattr(value, 'items', None)):
        items = value.items()
    else:
        return
    for key, item in items:
        yield from _walk(item, (*path, key))


def _repeated(counts: tuple[int, ...], x: torch.Tensor) -> torch.Tensor:
    numbers = torch.arange(len(counts), device=x.device)
    return numbers.repeat_interleave(
        on_device(torch.tensor(counts, dtype=torch.long), x.device),
        output_size=sum(counts))


def _name(path: tuple) -> str:
    return '.'.join(map(str, path))
