"""An arm of a comparison: a weighted config, changed in what is compared.

::

    baseline                      without this package
    equity                        the config as it is
    equity:eta=0.5,gamma=2        with weights of its own
    sampling                      samples are drawn by their weights
    cbgs                          MMDetection3D's class-balanced sampling
    equity+cbgs                   both
"""
from __future__ import annotations

import copy
from dataclasses import dataclass, field

from dequity_mmdet3d.config_files import type_name
from dequity_mmdet3d.weight import check_eta_gamma, check_normalize
from dequity_mmdet3d.weighted_config import datasets_of, hooks_of

from .run_folder import folder_of

STRATEGIES = ('baseline', 'equity', 'sampling', 'cbgs')
_NUMBERS = ('eta', 'gamma')


@dataclass(frozen=True)
class Arm:
    """What one arm does.

    Args:
        name (str): As the user wrote it.
        strategies (tuple[str, ...]): Of ``STRATEGIES``.
        options (dict): 'eta', 'gamma', 'normalize' of ``DequityDataset``.
    """
    name: str
    strategies: tuple
    options: dict = field(default_factory=dict, hash=False)

    @property
    def folder(self) -> str:
        """str: A file name for it."""
        return folder_of(self.name)

    @property
    def uses_weights(self) -> bool:
        """bool: Whether it has a likelihood table's weights at all."""
        return bool({'equity', 'sampling'} & {*self.strategies})


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
    names, _, rest = text.partition(':')
    names = tuple(names.split('+'))
    if {*names} - {*STRATEGIES} or len(set(names)) < len(names):
        raise ValueError(
            f'an arm is one of {", ".join(STRATEGIES)}, or several joined by '
            f'+, such as equity+cbgs:eta=0.5,gamma=2, but got {text!r}')
    if {'equity', 'sampling'} <= {*names} or (
            'baseline' in names and len(names) > 1):
        raise ValueError(f'arm {text!r} joins what excludes each other; '
                         'equity and cbgs, or sampling and cbgs can be joined')
    options = dict(_option(text, part) for part in rest.split(',') if part)
    arm = Arm(text, names, options)
    if options and not arm.uses_weights:
        raise ValueError(f'arm {text!r} has no weights to set '
                         f'{", ".join(options)} of; leave the options out')
    check_eta_gamma(
        options.get('eta', 1.0), options.get('gamma', 5.0),
        f' of arm {text!r}')
    check_normalize(options.get('normalize'), f' of arm {text!r}')
    return arm


def _option(arm, part):
    name, _, value = part.partition('=')
    if name == 'normalize':
        return name, None if value == 'none' else value
    try:
        return {n: n for n in _NUMBERS}[name], float(value)
    except (KeyError, ValueError) as e:
        raise ValueError(
            f'options of an arm are eta=NUMBER, gamma=NUMBER and '
            f'normalize=mean or none, but {arm!r} has {part!r}') from e


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
        ``DequitySampler`` of the config is for 'sampling' alone; in other
        arms the host's sampler stands in its place.

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
            dataset.update(arm.options)
    else:
        if _find_hook(config, 'DequityProbe') is None:
            loader.dataset = _unwrapped(loader.dataset)
        _remove_hook(config)
    if 'sampling' in arm.strategies:
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
        # above the wrapper, which gives the same weights as below it
        loader.dataset = dict(type='CBGSDataset', dataset=loader.dataset)
    return config


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
    own = {*(hook.get('loss') or {})} & {*_NUMBERS, 'normalize', 'schedule'}
    if own & {'schedule', *arm.options} and arm.options:
        raise ValueError(
            f'arm {arm.name!r} sets {", ".join(arm.options)}, but the loss '
            f'of the DequityHook has its own {", ".join(sorted(own))}, which '
            'would win; remove it from the config')
