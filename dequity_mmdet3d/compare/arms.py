"""An arm of a comparison: a config that weighs, changed in what is compared.

    baseline                      without this package
    equity                        the config as it is
    equity:eta=0.5,gamma=2        with weights of its own
    sampling                      samples are drawn by their weights
    cbgs                          the host's class-balanced sampling
    equity+cbgs                   both
"""
import copy
import re
from dataclasses import dataclass, field

from dequity_mmdet3d.weight import check_eta_gamma, check_normalize

WAYS = ('baseline', 'equity', 'sampling', 'cbgs')
_NUMBERS = ('eta', 'gamma')


@dataclass(frozen=True)
class Arm:
    """What one arm does.

    Args:
        name (str): As the user wrote it.
        ways (tuple[str, ...]): Of ``WAYS``.
        options (dict): 'eta', 'gamma', 'normalize' of ``DequityDataset``.
    """
    name: str
    ways: tuple
    options: dict = field(default_factory=dict, hash=False)

    @property
    def folder(self):
        """str: A file name for it."""
        return folder_of(self.name)


def folder_of(name):
    """The file name of an arm's folder.

    Example:
        >>> folder_of('equity:eta=0.5')
        'equity_eta=0.5'
    """
    return re.sub(r'[^\w.+=,-]', '_', name)


def parse_arm(text):
    """Read an arm.

    Args:
        text (str): WAY[+WAY][:OPTION=VALUE,...].

    Returns:
        Arm: With its name as written.

    Raises:
        ValueError: If it is none.

    Example:
        >>> parse_arm('equity+cbgs:gamma=2').options
        {'gamma': 2.0}
    """
    ways, _, rest = text.partition(':')
    ways = tuple(ways.split('+'))
    wrong = [way for way in ways if way not in WAYS]
    if wrong or len(set(ways)) < len(ways):
        raise ValueError(
            f'an arm is one of {", ".join(WAYS)}, or several joined by +, '
            f'such as equity+cbgs:eta=0.5,gamma=2, but got {text!r}')
    weighs = {'equity', 'sampling'} & {*ways}
    if len(weighs) == 2 or 'baseline' in ways and len(ways) > 1:
        raise ValueError(f'arm {text!r} joins what excludes each other; '
                         'equity and cbgs, or sampling and cbgs can be joined')
    options = dict(_option(text, part) for part in rest.split(',') if part)
    if options and not weighs:
        raise ValueError(f'arm {text!r} has no weights to set '
                         f'{", ".join(options)} of; leave the options out')
    check_eta_gamma(
        options.get('eta', 1.0), options.get('gamma', 5.0),
        f' of arm {text!r}')
    check_normalize(options.get('normalize'), f' of arm {text!r}')
    return Arm(text, ways, options)


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
        config (Config): Of mmengine, which weighs (``DequityDataset`` and
            ``DequityHook``); stays as it is.
        arm (Arm): What to make of it.

    Returns:
        Config: A copy with the arm's changes. 'baseline' and 'cbgs' have
        nothing of this package in their training: the data set stands
        without its wrapper, and the hook is gone.

    Raises:
        ValueError: If the config does not weigh, has a hook with weights of
            its own, or has CBGS already where the arm adds it.
    """
    config = copy.deepcopy(config)
    loader = config.train_dataloader
    found = []
    weighs = 'equity' in arm.ways or 'sampling' in arm.ways

    def replaced(node):
        if _is(node, 'DequityDataset'):
            found.append(node)
            if not weighs:
                return node.dataset
            node.update(arm.options)
        if _is(node, 'CBGSDataset') and 'cbgs' in arm.ways:
            raise ValueError(
                f'arm {arm.name!r} adds CBGSDataset, but the config has it '
                'already; leave cbgs out, or compare with a config without')
        for key in ('dataset', 'datasets'):
            if isinstance(node.get(key), dict):
                node[key] = replaced(node[key])
            elif isinstance(node.get(key), list):
                node[key] = [replaced(part) for part in node[key]]
        return node

    loader.dataset = replaced(loader.dataset)
    hook = _find_hook(config)
    if not found or hook is None:
        missing = 'DequityHook' if found else 'DequityDataset'
        raise ValueError(
            f'the arms are made from a config that weighs, but this one has '
            f'no {missing}; add the lines of the README, section 2')
    _check_hook(hook, arm)
    if not weighs:
        _remove_hook(config)
    if 'sampling' in arm.ways:
        loader.sampler = dict(type='DequitySampler')
    if 'cbgs' in arm.ways:
        # above the wrapper, which gives the same weights as below it
        loader.dataset = dict(type='CBGSDataset', dataset=loader.dataset)
    return config


def _is(node, name):
    kind = node.get('type')
    kind = kind if isinstance(kind, str) else getattr(kind, '__name__', '')
    return kind.split('.')[-1] == name


def _find_hook(config):
    hooks = [*(config.get('default_hooks') or {}).values(),
             *(config.get('custom_hooks') or [])]
    return next((h for h in hooks if h and _is(h, 'DequityHook')), None)


def _remove_hook(config):
    for name, hook in list((config.get('default_hooks') or {}).items()):
        if hook and _is(hook, 'DequityHook'):
            del config.default_hooks[name]
    if config.get('custom_hooks'):
        config.custom_hooks = [
            h for h in config.custom_hooks if not _is(h, 'DequityHook')
        ]


def _check_hook(hook, arm):
    own = {*(hook.get('loss') or {})} & {*_NUMBERS, 'normalize', 'schedule'}
    if own & {'schedule', *arm.options} and arm.options:
        raise ValueError(
            f'arm {arm.name!r} sets {", ".join(arm.options)}, but the loss '
            f'of the DequityHook has its own {", ".join(sorted(own))}, which '
            'would win; remove it from the config')
