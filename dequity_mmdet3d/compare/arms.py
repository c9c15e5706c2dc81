"""From a weighted config to that of an arm, see :mod:`.arm_names`."""
from __future__ import annotations

import copy
from dataclasses import fields

from dequity_mmdet3d.config_files import type_name
from dequity_mmdet3d.weight_choices import REPEATS
from dequity_mmdet3d.weight_settings import WeightSettings
from dequity_mmdet3d.weighted_config import datasets_of, hooks_of


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
    if arm.span != (0, 1):
        _set_span(config, hook, arm)
    if arm.draws:
        loader.sampler = dict(type='DequitySampler')
        if arm.power != 1:
            loader.sampler.power = arm.power
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


def _set_span(config, hook, arm):
    """Let a ``DequityHook`` weight losses for a part of the training.

    With gamma 0 all weights are 1, so the schedule is a step in gamma.
    """
    train = config.train_cfg
    by, length = ('iter', train.get('max_iters')) if train.get(
        'max_iters') else ('epoch', train.get('max_epochs'))
    settings = {(dataset.get('gamma', 5.0), dataset.get('normalize'))
                for dataset in datasets_of(config.train_dataloader.dataset)
                if type_name(dataset) == 'DequityDataset'}
    if not length or len(settings) > 1:
        raise ValueError(
            f'arm {arm.name!r} needs max_iters or max_epochs of train_cfg, '
            'and one gamma and normalize of all data sets, but got '
            f'{length} and {sorted(settings, key=str)}')
    loss = dict(hook.get('loss') or {})
    if 'schedule' in loss:
        raise ValueError(
            f'arm {arm.name!r} sets when losses are weighted, but the '
            'DequityHook has its own schedule; remove it from the config')
    gamma, normalize = settings.pop()
    gamma = float(loss.get('gamma', gamma))
    loss.setdefault('normalize', normalize)
    start, end = (length * at for at in arm.span)
    step = 1e-6 * length
    points = [(0, 0.0), (start, 0.0), (start + step, gamma)] if (
        start) else [(0, gamma)]
    if end < length:
        points += [(end, gamma), (end + step, 0.0)]
    loss['schedule'] = dict(gamma=points, by=by)
    hook.loss = loss


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
