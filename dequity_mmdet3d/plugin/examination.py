"""What is known of a detector's losses before the first step."""
from dataclasses import dataclass, field

from ..weighting.leaks import find_leaks, loss_terms
from ..weighting.rows import Equal


@dataclass(frozen=True)
class Term:
    """A loss term, by the name that the detector gives it.

    Args:
        weighted (bool): Whether its gradient is weighted.
        shown (bool): Whether its value is weighted, too.
        coupled (bool): Whether it is known to be no sum over the samples.
    """
    weighted: bool
    shown: bool = False
    coupled: bool = False


@dataclass(frozen=True)
class Examination:
    """What :func:`.examine.examine` finds, for :meth:`.DequityLoss.attach`.

    Args:
        layouts (dict[str, dict]): By boundary, where the samples are in its
            predictions, see :func:`.attribution.weight_predictions`.
        names (dict[tuple, frozenset]): By boundary and the head's name of a
            term, the detector's names of what it becomes a part of.
        shown (dict[str, frozenset]): By boundary, the head's names of the
            terms whose values can be weighted.
        unsure (dict[str, frozenset]): Those of them that were 0, which
            anything is a sum of; what they are, the first other value says.
        terms (dict[str, Term]): By the detector's name.
    """
    layouts: dict = field(default_factory=dict)
    names: dict = field(default_factory=dict)
    shown: dict = field(default_factory=dict)
    unsure: dict = field(default_factory=dict)
    terms: dict = field(default_factory=dict)

    def __str__(self) -> str:
        """One line for the log."""

        def some(**wanted):
            return ', '.join(
                name for name, term in self.terms.items()
                if all(getattr(term, k) == v for k, v in wanted.items()))

        both = some(weighted=True, shown=True)
        gradient = some(weighted=True, shown=False)
        others = some(weighted=False)
        coupled = some(weighted=True, coupled=True)
        told = '; '.join(
            part for part in (
                both and f'{both} in value and in gradient',
                gradient and f"{gradient} in gradient (the log shows "
                "upstream's values)") if part)
        line = f'weights {told or "no loss term"}'
        if others:
            line += f'; leaves {others}'
        equal = [
            name for name, layout in self.layouts.items()
            if any(isinstance(rule, Equal) for rule in layout.values())]
        if equal:
            line += (f'; takes {", ".join(equal)} to have as many rows in '
                     'each sample as in the first batch, since nothing in '
                     'the arguments tells: if that is not so, weights meet '
                     'the wrong samples')
        if coupled:
            line += ('; no sum over samples, so weighted by the sample of '
                     f'each prediction: {coupled}')
        return line


def check_terms(loss, losses, model):
    """Find loss terms that get around the weights.

    Args:
        loss (DequityLoss): Says which terms are to be weighted.
        losses (dict): As the detector returns it, computed with weights.
        model (nn.Module): The detector.

    Returns:
        dict[str, bool]: Loss terms, and whether their gradient is weighted.

    Raises:
        ValueError: If a term that should be weighted cannot be attributed to
            samples.
    """
    names = {id(p): name for name, p in model.named_parameters()}
    result, bad = {}, {}
    for name, tensors in loss_terms(losses).items():
        found = [find_leaks(tensor, names) for tensor in tensors]
        result[name] = any(weighted for weighted, _ in found)
        leaks = sorted({leak for _, some in found for leak in some})
        if leaks and (result[name] or loss.selects(name)):
            bad[name] = leaks
    if bad:
        told = '; '.join(
            f'{name} (reaches {", ".join(leaks[:2])}'
            f'{" and more" if len(leaks) > 2 else ""})'
            for name, leaks in list(bad.items())[:5])
        raise ValueError(
            f'{len(bad)} of {len(result)} loss terms cannot be attributed to '
            f'samples: {told}. If a method takes their predictions, with an '
            'axis of samples, and returns these losses, name it: '
            "DequityHook(loss=dict(type='DequityLoss', boundaries="
            "{'module.method': None})), or 'rows' in place of None where "
            'predictions are rows of all samples and each sample has as many '
            'in every batch, or the method also takes what tells how many '
            '(the sample number of each row, offsets, a tensor a sample); if '
            'it also has the layers before, name the loss modules that it '
            "calls, {'module.loss_ce.forward': 'rows'}; or "
            'name the terms to weight, and so leave these as they are: '
            'terms=[...]')
    return result
