"""An arm of a comparison: a weighted config, changed in what is compared.

::

    baseline                      without this package
    equity                        the config as it is
    equity:eta=0.5,gamma=2        with weights of its own
    equity:from=0.5               from the middle of the training on
    equity:until=0.5              up to there
    sampling                      samples are drawn by their weights
    sampling:power=0.5            by their root; losses weighted by the rest
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
from dequity_mmdet3d.weighting.draw import check_power

from .run_folder import folder_of

STRATEGIES = ('baseline', 'equity', 'sampling', *REPEATS, 'cbgs', 'look')
_NUMBERS = ('eta', 'gamma', 't', 'beta', 'power', 'from', 'until')
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
        power (float): Samples are drawn by their weights to this power.
        span (tuple[float, float]): When losses are weighted, as fractions
            of the training.
    """
    name: str
    strategies: tuple
    options: dict = field(default_factory=dict, hash=False)
    table: str | None = None
    power: float = 1.0
    span: tuple[float, float] = (0.0, 1.0)

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
    power = _power(text, options, weighting)
    span = _span(text, options, names)
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
    return Arm(text, names, options, table, power, span)


def _power(text, options, weighting):
    if 'power' not in options:
        return 1.0
    power = options.pop('power')
    check_power(power, f' of arm {text!r}')
    if weighting == ['equity']:
        raise ValueError(f'arm {text!r} has a power, but draws no samples; '
                         'take sampling, rfs or irfs')
    return power


def _span(text, options, names):
    start, end = options.pop('from', 0.0), options.pop('until', 1.0)
    if (start, end) == (0, 1):
        return start, end
    if not 0 <= start < end <= 1:
        raise ValueError(
            f'from and until of arm {text!r} are fractions of the training, '
            f'0 <= from < until <= 1, but got {start:g} and {end:g}')
    if 'equity' not in names or {'form', 'content'} & {*options}:
        raise ValueError(
            f'arm {text!r} cannot begin or end: that is for equity by eta '
            'and gamma alone')
    return start, end


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
            'beta=NUMBER, power=NUMBER, from=FRACTION, until=FRACTION, '
            'normalize=mean or none, form=NAME, content=NAME and '
            f'table=FILE, but {arm!r} has {part!r}') from e
