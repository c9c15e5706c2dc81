"""A weighted config, made from any that trains."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .config_files import type_name
from .weight_settings import WeightSettings

# In full, so that neither `custom_imports`, which a project may own, nor a
# default scope is needed to find them.
PLUGIN = 'dequity_mmdet3d.plugin'


def weight_config(config: Any, table: str | Path | None, eta: float = 1.0,
                  gamma: float = 5.0, normalize: str | None = None,
                  sampler: bool = False, **more: Any) -> None:
    """Weight the training samples of a config.

    The data set of ``train_dataloader`` is wrapped as a whole, whatever
    wrappers it has itself, and ``DequityHook`` joins ``default_hooks``.
    Everything else stays, ``custom_hooks`` and ``custom_imports`` included.

    Args:
        config (Config): Of mmengine, in either style; is changed.
        table (str, optional): The likelihood table; None with ``content``
            alone.
        eta (float): Floor of the weight, >= 0. Defaults to 1.
        gamma (float): Focus on rare samples, >= 0. Defaults to 5.
        normalize (str, optional): None, or 'mean' to divide the weights by
            their mean over one epoch. Defaults to None.
        sampler (bool): Whether rare samples are drawn more often
            (``DequitySampler``) in place of weighted losses.
            Defaults to False.
        **more: ``form``, ``content``, ``t``, ``beta`` of
            :class:`.WeightSettings`; only what is given is written.

    Raises:
        ValueError: If the config has no training data set or is weighted
            already, or a number is out of range.
    """
    settings = WeightSettings(eta, gamma, normalize, **more)
    settings.check(' of the weights')
    settings.check_table(table, ' of the training set')
    settings.check_used(more, ' of the weights', table)
    if table is not None:
        more = dict(table=str(table), **more)
    loader = config.get('train_dataloader')
    dataset = loader.get('dataset') if isinstance(loader, dict) else None
    if not isinstance(dataset, dict):
        raise ValueError(
            'train_dataloader.dataset of the config must be a dict, but is '
            f'{dataset!r}; give the config that you train with')
    if any(type_name(d) == 'DequityDataset' for d in datasets_of(dataset)):
        raise ValueError(
            'the config is weighted already (DequityDataset); train it as it '
            'is, and change its table or its weights by --cfg-options')
    loader.dataset = dict(
        type=f'{PLUGIN}.DequityDataset', **more, eta=eta, gamma=gamma,
        normalize=normalize, dataset=dataset)
    if sampler:
        loader.sampler = dict(type=f'{PLUGIN}.DequitySampler')
    if not any(type_name(h) == 'DequityHook' for h in hooks_of(config)):
        hooks = config.get('default_hooks') or {}
        config.default_hooks = dict(
            hooks, dequity=dict(type=f'{PLUGIN}.DequityHook'))


def lacks_use(config: Any) -> bool:
    """Whether a config makes weights that nothing uses.

    Args:
        config (Config): Of mmengine, in either style.

    Returns:
        bool: True with a ``DequityDataset``, but no ``DequityHook``,
        ``DequitySampler`` or ``DequityProbe``. A project's own sampler is
        taken to draw by them (``frame_weights``).
    """
    loader = config.get('train_dataloader')
    dataset = loader.get('dataset') if isinstance(loader, dict) else None
    if not isinstance(dataset, dict) or not any(
            type_name(d) == 'DequityDataset' for d in datasets_of(dataset)):
        return False
    sampler = loader.get('sampler')
    if isinstance(sampler, dict) and type_name(sampler) not in (
            'DefaultSampler', 'InfiniteSampler'):
        return False
    used = {type_name(h) for h in hooks_of(config)}
    return not {'DequityHook', 'DequityProbe'} & used


def datasets_of(dataset: dict) -> Iterator[dict]:
    """The config of a data set, and of all that it wraps.

    Args:
        dataset (dict): ``dataset`` of a data loader.

    Yields:
        dict: Itself, then those below it.
    """
    yield dataset
    for part in [dataset.get('dataset'), *(dataset.get('datasets') or [])]:
        if isinstance(part, dict):
            yield from datasets_of(part)


def hooks_of(config: Any) -> Iterator[dict]:
    """All hooks of a config.

    Args:
        config (Config): Of mmengine.

    Yields:
        dict: Of ``default_hooks``, then of ``custom_hooks``.
    """
    for hook in [*(config.get('default_hooks') or {}).values(),
                 *(config.get('custom_hooks') or [])]:
        if isinstance(hook, dict):
            yield hook
