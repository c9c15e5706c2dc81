"""Whether the likelihoods of a table are to be used, by its diagnosis."""
from __future__ import annotations

from dataclasses import dataclass

from dequity_mmdet3d.likelihood.estimation.advice import advise
from dequity_mmdet3d.likelihood.estimation.diagnosis import Diagnosis

from .rules import UNTENABLE


@dataclass(frozen=True)
class Trust:
    """What a diagnosis says of a table.

    Args:
        tenable (bool): Whether weights may be made of it.
        line (str): For people.
        why (list[str]): What advice it has, see :class:`.Advice`.
    """
    tenable: bool
    line: str
    why: list[str]


def trust(metadata: dict) -> Trust:
    """Ask the diagnosis of a table.

    Args:
        metadata (dict): Of the table; anybody may have written it.

    Returns:
        Trust: Without a diagnosis that can be read, as of the authors'
        tables, the likelihoods are taken as they are.
    """
    try:
        found = Diagnosis.from_dict(metadata['diagnosis'])
        why = [advice.why for advice in advise(metadata)]
        parts = [_estimate(metadata, found)]
        if found.stability is not None:
            parts.append(f'stability {found.stability:.2f}')
        if found.drives:
            parts.append(f'{min(found.drives):.2f} between drives')
    except (ArithmeticError, AttributeError, LookupError, TypeError,
            ValueError):
        return Trust(True, 'no diagnosis, so likelihoods are taken as they '
                     'are', [])
    against = [cause for cause in why if cause in UNTENABLE]
    line = ', '.join(parts) + (
        f': not tenable ({", ".join(against)})' if against else ': tenable')
    mind = [cause for cause in why if cause not in UNTENABLE]
    if mind:
        line += f'; mind {", ".join(mind)} (dequity report says what to do)'
    return Trust(not against, line, why)


def _estimate(metadata: dict, found: Diagnosis) -> str:
    """What was counted."""
    clustering = metadata.get('clustering')
    if isinstance(clustering, dict) and clustering.get('method') == 'tags':
        return 'counted by tags'
    if metadata.get('objects'):
        return 'counted by objects'
    if found.weight is None:
        return 'sizes of clusters' if found.clusters else 'no clusters'
    if found.weight == 1:
        return 'clear clusters'
    return ('soft counts, as clusters are not clear' if not found.weight else
            f'partly clear clusters ({found.weight:.0%}), the rest soft '
            'counts')
