"""What to add to one's config, and how to check it."""
from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from dequity_mmdet3d.config_files import type_name
from dequity_mmdet3d.weighted_config import PLUGIN, datasets_of

from .recipes import Recipe

_STOCK = 'CONFIG.py'  # where none was named
_SEEDS = '0 1 2 3 4'


@dataclass(frozen=True)
class Place:
    """The config that the lines are for.

    Args:
        config (str, optional): Its file; None where none was named.
        depth (int, optional): How many wrappers stand around its
            ``DequityDataset``. None where a list does, into which keys of
            another config do not reach.
        table (str, optional): The likelihood table that this names.
        weighted (bool): Whether it has a ``DequityDataset``.
        own (dict): Which form and content that sets.
    """
    config: str | None = None
    depth: int | None = 0
    table: str | None = None
    weighted: bool = False
    own: dict = field(default_factory=dict)


def place_in(config: str, dataset: dict) -> Place:
    """Where a config has its weights.

    Args:
        config (str): Its file.
        dataset (dict): ``train_dataloader.dataset`` of it.

    Returns:
        Place: Of the outermost ``DequityDataset``.
    """
    found = [d for d in datasets_of(dataset)
             if type_name(d) == 'DequityDataset']
    if not found:
        return Place(config)
    depth: int | None = 0
    node = dataset
    while node is not found[0] and isinstance(node.get('dataset'), dict):
        depth, node = (depth or 0) + 1, node['dataset']
    if node is not found[0]:
        depth = None
    table = found[0].get('table')
    own = {name: found[0][name] for name in ('form', 'content')
           if found[0].get(name) is not None}
    return Place(config, depth, table if isinstance(table, str) else None,
                 True, own)


def config_lines(recipe: Recipe, table: str, place: Place) -> list[str]:
    """The lines of a config that has the user's as its ``_base_``.

    Args:
        recipe (Recipe): The chosen one.
        table (str): Likelihood table that it uses.
        place (Place): The user's config.

    Returns:
        list[str]: Python; none for a baseline of a stock config.
    """
    if recipe.name == 'baseline':
        return []
    # beside the user's, by whose name mmengine then finds it
    base = f'_base_ = [{"./" + Path(place.config or _STOCK).name!r}]'
    end = f'  # {_child(place)}'
    options = recipe.options
    if place.weighted:
        options = dict(options, **recipe.undone(place.own))
        if recipe.uses_table and not _same(table, place.table):
            options = dict(table=table, **options)
        if place.depth is None:
            return [f'# in the DequityDataset of {place.config}: '
                    f'{_arguments(options)}',
                    '# in train_dataloader: sampler=dict(type='
                    "'DequitySampler')"][:1 + recipe.drawn]
        inner = f'dataset=dict({_arguments(options)})'
        for _ in range(place.depth):
            inner = f'dataset=dict({inner})'
        sampler = "sampler=dict(type='DequitySampler'), " * recipe.drawn
        return [base + end, f'train_dataloader = dict({sampler}{inner})']
    options = dict(dict(table=table) if recipe.uses_table else {}, **options)
    sampler = f"sampler=dict(type='{PLUGIN}.DequitySampler'), " * recipe.drawn
    return [
        f"{base}; default_hooks = dict(dequity=dict(type='{PLUGIN}"
        f".DequityHook')){end}",
        f"train_dataloader = dict({sampler}dataset=dict(_delete_=True, "
        f"type='{PLUGIN}.DequityDataset', {_arguments(options)}, "
        'dataset=_base_.train_dataloader.dataset))']


def check_command(recipes: list[Recipe], tables: list[str],
                  place: Place) -> str:
    """The comparison that shows whether a recipe helps.

    Args:
        recipes (list[Recipe]): The arms: the baseline, the chosen one (of
            which :func:`config_lines` are), others.
        tables (list[str]): The likelihood table that each uses.
        place (Place): The user's config.

    Returns:
        str: For a shell.
    """
    known, own = place.table, place.own
    if not place.weighted:
        known, own = tables[1] if recipes[1].uses_table else None, (
            recipes[1].options)
    arms = [recipe.arm(None if _same(table, known) else table, own)
            for recipe, table in zip(recipes, tables)]
    config = place.config if place.weighted else None
    config = config or _child(place)
    return shlex.join(['dequity', 'compare', config, '--arms', *arms,
                       '--seeds']) + f' {_SEEDS}'


def _child(place: Place) -> str:
    """Where the lines belong."""
    path = Path(place.config or _STOCK)
    return str(path.with_name(f'{path.stem}_dequity.py'))


def _arguments(options: dict) -> str:
    return ', '.join(f'{name}={value!r}' for name, value in options.items())


def _same(one: str, other: str | None) -> bool:
    return other is not None and (
        os.path.abspath(one) == os.path.abspath(other))
