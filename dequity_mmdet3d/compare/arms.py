"""An arm of a comparison: a weighted config, changed in what is compared.

::

    baseline                      without this package
    equity                        the config as it is
    equity:eta=0.5,gamma=2        with weights of its own
    sampling                      samples are drawn by their weights
    rfs:t=0.3                     drawn by the repeat factors of their classes
    irfs:t=0.3                    likewise, aware of instances
    irfs+look                     these times the config's weights by look
    equity:form=effective,beta=0.999    another form of the look's weight
    equity:content=rfs,form=none  repeat factors as weights of the losses
    sampling:table=objects.parquet    by another table
    cbgs                          MMDetection3D's class-balanced sampling
    equity+cbgs                   both
"""
from __future__ import annotations

import copy
from dataclasses import dataclass, field, fields

from dequity_mmdet3d.config_files import type_name
from dequity_mmdet3d.weight_choices import REPEATS
from dequity_mmdet3d.weight_settings import WeightSettings
from dequity_mmdet3d.weighted_config import datasets_of, hooks_of

from .run_folder import folder_of

STRATEGIES = ('baseline', 'equity', 'sampling', *REPEATS, 'cbgs', 'look')
_NUMBERS = ('eta', 'gamma', 't', 'beta')
_NAMES = ('normalize', 'form', 'content')


@dataclass(frozen=True)
class Arm:
    """What one arm does.

    Args:
        name (str): As the user wrote it.
        strategies (tuple[str, ...]): Of ``STRATEGIES``.
        options (dict): Of :class:`.WeightSettings`; what a strategy means
            for them included.
        table (str, optional): Likelihood table in place of the config's.
    """
    name: str
    strategies: tuple
    options: dict = field(default_factory=dict, hash=False)
    table: str | None = None

    @property
    def folder(self) -> str:
        """str: A file name for it."""
        return folder_of(self.name)

    @property
    def uses_weights(self) -> bool:
        """bool: Whether it has weights of this package at all."""
        return 'equity' in self.strategies or self.draws

    @property
    def draws(self) -> bool:
        """bool: Whether samples are drawn by them."""
        return bool({'sampling', *REPEATS} & {*self.strategies})


def parse_arm(text):
    """Read an arm.

    Args:
        text (str): STRATEGY[+STRATEGY][:OPTION=VALUE,...].

    Returns:
        Arm: With its name as written.

    Raises:
        ValueError: If it is none.

    Example:
        >>> parse_arm('equity+cbgs:gamma=2').options
        {'gamma': 2.0}
    """
    names, colon, rest = text.partition(':')
    names = tuple(names.split('+'))
    if {*names} - {*STRATEGIES} or len(set(names)) < len(names):
        raise ValueError(
            f'an arm is one of {", ".join(STRATEGIES)}, or several joined by '
            f'+, such as equity+cbgs:eta=0.5,gamma=2, but got {text!r}')
    weighting = [name for name in names
                 if name in ('equity', 'sampling', *REPEATS)]
    repeats = [name for name in weighting if name in REPEATS]
    if len(weighting) > 1 or ('baseline' in names and len(names) > 1) or (
            'look' in names and not repeats):
        raise ValueError(
            f'arm {text!r} joins what excludes each other; one of equity, '
            'sampling, rfs and irfs can be joined with cbgs, rfs and irfs '
            'with look too')
    pairs = [_option(text, part) for part in rest.split(',') if colon]
    options = dict(pairs)
    if len(options) < len(pairs):
        raise ValueError(f'arm {text!r} sets an option twice')
    if options and not weighting:
        raise ValueError(f'arm {text!r} has no weights to set '
                         f'{", ".join(options)} of; leave the options out')
    table = options.pop('table', None)
    if table is not None and repeats and 'look' not in names:
        raise ValueError(f'arm {text!r} uses no table; leave it out, or '
                         f'add +look')
    of = f' of arm {text!r}'
    if repeats:
        if 'content' in options or ('form' in options
                                    and 'look' not in names):
            raise ValueError(
                f'arm {text!r} is drawn by {repeats[0]}; a form belongs to '
                f'{repeats[0]}+look, another content to '
                'sampling:content=...')
        options['content'] = repeats[0]
        if 'look' not in names:
            options['form'] = 'none'
    WeightSettings(**options).check(of)
    return Arm(text, names, options, table)


def _option(arm, part):
    name, _, value = part.partition('=')
    if name == 'table' and value:
        return name, value
    if name in _NAMES and value:
        # 'none' is a form, but no content
        return name, None if value == 'none' and name != 'form' else value
    try:
        return {n: n for n in _NUMBERS}[name], float(value)
    except (KeyError, ValueError) as e:
        raise ValueError(
            f'options of an arm are eta=NUMBER, gamma=NUMBER, t=NUMBER, '
            'beta=NUMBER, normalize=mean or none, form=NAME, content=NAME '
            f'and table=FILE, but {arm!r} has {part!r}') from e


def arm_config(config, arm):
    """The config of an arm.

    Args:
        config (Config): Of mmengine, weighted (``DequityDataset`` and
            ``DequityHook``); stays as it is.
        arm (Arm): What to make of it.

    Returns:
        Config: A copy with the arm's changes. 'baseline' and 'cbgs' have
        nothing of this package in their training: the data set stands
        without its wrapper, and the hook is gone. Where the config has a
        ``DequityProbe``, it measures in these arms too, and the wrapper
        stays, which brings it the likelihoods and weights nothing. A
        ``DequitySampler`` of the config is for 'sampling', 'rfs' and 'irfs';
        in other arms the host's sampler stands in its place.

    Raises:
        ValueError: If the config is not weighted, has a hook with weights of
            its own, or has CBGS already where the arm adds it.
    """
    config = copy.deepcopy(config)
    loader = config.train_dataloader
    hook = _find_hook(config, 'DequityHook')
    datasets = list(datasets_of(loader.dataset))
    weighted = [d for d in datasets if type_name(d) == 'DequityDataset']
    if not weighted or hook is None:
        missing = 'DequityHook' if weighted else 'DequityDataset'
        raise ValueError(
            'the arms are made from a weighted config, but this one has no '
            f'{missing}; add the lines of the README, section 2')
    _check_hook(hook, arm)
    if arm.uses_weights:
        for dataset in weighted:
            _set_weights(dataset, arm)
    else:
        if _find_hook(config, 'DequityProbe') is None:
            loader.dataset = _unwrapped(loader.dataset)
        _remove_hook(config)
    if arm.draws:
        loader.sampler = dict(type='DequitySampler')
    elif isinstance(loader.get('sampler'), dict) and (
            type_name(loader.sampler) == 'DequitySampler'):
        # as train --sampler leaves it; it is an arm of its own
        loader.sampler = dict(loader.sampler, type='DefaultSampler')
        loader.sampler.setdefault('shuffle', True)
    if 'cbgs' in arm.strategies:
        if any(type_name(d) == 'CBGSDataset' for d in datasets):
            raise ValueError(
                f'arm {arm.name!r} adds CBGSDataset, but the config has it '
                'already; leave cbgs out, or compare with a config without')
        loader.dataset = _balanced(loader.dataset, arm)
    return config


def _balanced(node, arm):
    """The config of a data set with ``CBGSDataset`` around the inmost one,
    which alone knows the classes of its samples.
    """
    if node.get('datasets'):
        raise ValueError(
            f'arm {arm.name!r} balances the classes of one data set, but the '
            f'config trains on {len(node["datasets"])} together '
            f'({type_name(node)}); leave cbgs out')
    if isinstance(node.get('dataset'), dict):
        node['dataset'] = _balanced(node['dataset'], arm)
        return node
    # by its scope, as other projects have another default
    return dict(type='mmdet3d.CBGSDataset', dataset=node)


def _set_weights(dataset, arm):
    """Change the weights of the config of a ``DequityDataset``."""
    of = f' of arm {arm.name!r}'
    if arm.table is not None:
        dataset['table'] = arm.table
    table = dataset.get('table')
    options = dict(arm.options)
    if 'look' in arm.strategies and dataset.get('form') == 'none':
        options.setdefault('form', 'equity')
    names = [f.name for f in fields(WeightSettings)]
    settings = WeightSettings(**{
        name: value for name, value in {**dataset, **options}.items()
        if name in names})
    if 'look' in arm.strategies and table is None:
        raise ValueError(f'look{of} needs a likelihood table; give '
                         'DequityDataset one, or leave look out')
    settings.check_table(table, of)
    settings.check_used(arm.options, of, table)
    dataset.update(options)


def _unwrapped(node):
    """The config of a data set without ``DequityDataset``, at any depth."""
    if type_name(node) == 'DequityDataset':
        return _unwrapped(node['dataset'])
    if isinstance(node.get('dataset'), dict):
        node['dataset'] = _unwrapped(node['dataset'])
    if node.get('datasets'):
        node['datasets'] = [_unwrapped(part) for part in node['datasets']]
    return node


def _find_hook(config, name):
    return next((h for h in hooks_of(config) if type_name(h) == name), None)


def _remove_hook(config):
    for name, hook in list((config.get('default_hooks') or {}).items()):
        if hook and type_name(hook) == 'DequityHook':
            del config.default_hooks[name]
    if config.get('custom_hooks'):
        config.custom_hooks = [
            h for h in config.custom_hooks if type_name(h) != 'DequityHook'
        ]


def _check_hook(hook, arm):
    if arm.draws and {*arm.strategies} & {*REPEATS}:
        return  # the hook does nothing beside draws
    own = {*(hook.get('loss') or {})} & {
        'eta', 'gamma', 'normalize', 'schedule'}
    replaced = {'schedule', *arm.options}
    if {'form', 'content'} & {*arm.options}:
        replaced |= {'eta', 'gamma'}
    if own & replaced and arm.options:
        raise ValueError(
            f'arm {arm.name!r} sets {", ".join(arm.options)}, but the loss '
            f'of the DequityHook has its own {", ".join(sorted(own))}, which '
            'would win; remove it from the config')
