"""Why an estimate is as good as it is, and what to do about it.

From what a table's metadata say, so that the command, the page and anybody
who reads a table later say the same.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...messages import counted
from ...table import LikelihoodTable
from ...weight import dequity_weight, rarest_edge
from .diagnosis import Diagnosis
from .near_duplicates import NearDuplicates
from .stability import FEW
from .text_names import names_lines
from .weight_effect import variation

STABLE = 0.9  # rank correlation with repeats
# Samples below which a low stability is laid to their number. The real sets
# of the benchmarks have 0.96 and more with 500 of them.
SOME = 500
# Share of near duplicates, and of one drive, from which they shape a table.
OFTEN, HALF = 0.1, 0.5
MORE_ETA = 3.0
WORTH = 0.01  # variation of the weights that raising eta is worth
# Share of all weight on the rarest tenth up to which weights hardly differ.
EVEN = 0.11


@dataclass(frozen=True)
class Advice:
    """What stands between a table and trust in it.

    Args:
        why (str): 'few samples', 'all alike', 'even weights', 'upside down',
            'unstable', 'few drives', 'near duplicates' or 'one drive'.
        line (str): For people: the cause, and what to do.
    """
    why: str
    line: str


def advise(metadata: dict) -> list[Advice]:
    """What to do about a table.

    Args:
        metadata (dict): Of the table, with a ``diagnosis``.

    Returns:
        list[Advice]: Empty where there is nothing to mend.

    Raises:
        KeyError: If there is no diagnosis.
        TypeError: If it is none.
    """
    found = Diagnosis.from_dict(metadata['diagnosis'])
    near = metadata.get('near_duplicates')
    near = None if near is None else NearDuplicates(**near)
    groups = metadata.get('groups')
    counts_drives = 'drives' in str(
        (metadata.get('clustering') or {}).get('count'))
    return [advice for advice in (
        _few(found), _alike(found), _even(found), _upside_down(found),
        _unstable(found),
        _few_drives(found), _near(near, groups, counts_drives),
        _one_drive(found, groups)) if advice]


def diagnosis_lines(metadata: dict) -> list[str]:
    """All that a diagnosis says, with names, near duplicates and advice.

    Args:
        metadata (dict): Of a table, with a ``diagnosis``.

    Returns:
        list[str]: For people.

    Raises:
        KeyError: If there is no diagnosis.
        TypeError: If it is none.
    """
    lines = Diagnosis.from_dict(metadata['diagnosis']).lines()
    lines += names_lines(metadata)
    if metadata.get('near_duplicates'):
        lines.append(NearDuplicates(**metadata['near_duplicates']).line())
    return lines + [advice.line for advice in advise(metadata)]


def applied_line(table: LikelihoodTable, training: LikelihoodTable,
                 source: str) -> str:
    """What to know of other samples under a finished table.

    Args:
        table (LikelihoodTable): Of the others.
        training (LikelihoodTable): The finished one.
        source (str): Its file.

    Returns:
        str: For people.
    """
    unlike = counted(int((table.cluster_id < 0).sum()), 'is', 'are')
    edge = rarest_edge(training.likelihood)
    rare = counted(int((table.likelihood <= edge).sum()), 'is', 'are')
    return (f'{counted(len(table), "sample")}; {unlike} unlike all that '
            f'{source} was made from, {rare} as rare as its rarest tenth '
            f'(likelihood up to {edge:.3g})')


def _few(found):
    if found.samples >= FEW:
        return None
    are = counted(found.samples, 'sample is', 'samples are')
    return Advice('few samples', f'{are} too few to tell how common each is: '
                  'give more, or make the table of a larger set and --apply '
                  'it to these')


def _alike(found):
    effect = found.weights
    alike = (effect.lowest == effect.highest if effect is not None else
             found.clusters == 1 and not found.rare
             and found.weight in (None, 1))
    return Advice('all alike', 'all samples look alike: nothing is rare, and '
                  'all weights are equal') if alike else None


def _even(found):
    effect = found.weights
    if effect is None or not found.tenths or effect.rarest_tenth > EVEN or (
            effect.lowest == effect.highest):
        return None
    # of the tenths' mean likelihoods, for the samples are not at hand here
    weight = dequity_weight(np.array(found.tenths), 0.0, effect.gamma)
    line = (f'weights hardly differ at eta {effect.eta:g} and gamma '
            f'{effect.gamma:g}: training will be much as without them')
    if weight.sum() > 0 and weight[0] / weight.sum() > EVEN:
        line += (f'; at eta 0 the rarest tenth would have about '
                 f'{weight[0] / weight.sum():.0%} of all weight')
    return Advice('even weights', line)


def _upside_down(found):
    if 2 * found.lone <= found.samples or found.weight is not None or (
            not found.clusters):
        return None
    return Advice('upside down', 'most samples belong to no cluster: if they '
                  'are the common ones, these likelihoods are upside down; '
                  'see --noise')


def _unstable(found):
    low = found.stability
    if low is None or low >= STABLE or found.samples < FEW:
        return None
    line = f'which samples are rare is partly chance (stability {low:.2f}): '
    if found.weight is None:
        line += 'this method cuts what hangs together; take --method soft'
    elif found.samples < SOME:
        line += (f'{counted(found.samples, "sample")} are few, or some are '
                 'unlike all others and move the rest (look at the rarest); '
                 'give more, or make the table of a larger set and --apply '
                 'it to these')
    elif found.weight:
        line += 'the clusters change from repeat to repeat'
    else:
        line += 'there are no clusters, and likelihoods differ little'
    effect = found.weights
    if found.weight is not None and effect is not None and (
            found.tenths and found.deviation):
        at, more = (
            variation(found.tenths, found.deviation, eta, effect.gamma)
            for eta in (effect.eta, MORE_ETA))
        line += (f'; for it, weights vary by {at:.1%} at eta {effect.eta:g} '
                 f'and by {more:.1%} at eta {MORE_ETA:g}. Look at the rarest '
                 'images (dequity report)')
        if at > WORTH:
            line += ', and raise eta if they are not what you call rare'
    return Advice('unstable', line)


def _few_drives(found):
    if not found.drives or min(found.drives) >= STABLE or (
            min(found.drives) >= (found.stability or 0)):
        return None
    return Advice('few drives', 'which samples are rare hangs on single '
                  f'drives: without a fifth of them stability is '
                  f'{min(found.drives):.2f}; take more drives, or raise eta')


def _near(near, groups, counts_drives):
    if near is None or counts_drives or near.near < OFTEN * near.looked_at:
        return None
    # tight groups are near duplicates, too: only drives tell them apart
    if groups is None:
        return Advice('near duplicates', 'if near duplicates are frames of '
                      'one drive, a scene looks common for being taken many '
                      'times: say which belong together (--groups), and '
                      'count drives (--count drives)')
    if (near.same_drive or 0) < OFTEN * near.looked_at:
        return None
    return Advice('near duplicates', 'a scene that one drive took many times '
                  'looks common, and each of its frames weighs little; '
                  '--count drives counts it once')


def _one_drive(found, groups):
    if not groups or groups['largest'] < HALF * found.samples or (
            groups['drives'] < 2):
        return None
    return Advice('one drive', 'one drive has '
                  f'{groups["largest"] / found.samples:.0%} of the samples: '
                  'what is common is what it saw; take other drives in, or '
                  '--count drives')
