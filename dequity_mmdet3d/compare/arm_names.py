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

from dataclasses import dataclass, field

from dequity_mmdet3d.weight_choices import REPEATS
from dequity_mmdet3d.weight_settings import WeightSettings

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
