"""Before the first step: can each loss term be told apart by sample?

Shape letters: B samples.
"""
import copy
from collections import defaultdict

from torch.nn.modules.batchnorm import _BatchNorm

from ..weighting.attribution import compare_sizes, sizes_of
from ..weighting.leaks import find_leaks, loss_terms
from ..weighting.randomness import no_trace
from .batch import without_last


def examine(loss, model, data_batch):
    """Learn where the samples are in the predictions, and check the losses.

    A copy of the model computes its losses of the batch, and before that of
    the batch without its last sample: what becomes smaller by one there is
    the axis of the samples. Then the graph of every loss term is searched
    for ways to a parameter that no weight stands in. Model, batch and random
    generators are left as they were.

    Args:
        loss (DequityLoss): It will know the layouts afterwards; attached to
            no model.
        model (nn.Module): A detector, unwrapped, in training mode.
        data_batch (dict): As it leaves the data loader.

    Returns:
        dict[str, bool]: Loss terms, and whether their gradient is weighed.

    Raises:
        ValueError: If a term that should be weighed cannot be attributed to
            samples, or ``terms`` names none.
    """
    model = copy.deepcopy(model)
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.eval()  # one sample alone has no variance
    smaller = defaultdict(list)  # by boundary, one entry a call

    def measure(name, arguments, b):
        smaller[name].append((b, sizes_of(arguments)))
        return True  # these losses are for nothing else

    def compare(name, arguments, b):
        sizes = sizes_of(arguments)
        before, one_less = smaller[name].pop(0) if smaller[name] else (0, {})
        layout = compare_sizes(one_less, sizes, b) if before == b - 1 else {}
        known = loss.layouts.setdefault(name, {})
        for path, where in layout.items():
            # called more than once a step: what does not hold for all calls
            # is not known
            known[path] = where if known.get(path, where) == where else None

    loss.layouts, loss.examined = {}, None
    part = without_last(data_batch)
    loss.attach(model)
    try:
        with no_trace():
            if part is not None:
                loss.listener = measure
                _losses(model, part)
            loss.listener = compare
            losses = _losses(model, data_batch)
    finally:
        loss.listener = None
        loss.detach()
        loss.take_used()
    unmatched = [p for p in loss.terms or [] if p not in loss.matched]
    if unmatched:
        seen = sorted({term for terms in loss.seen_terms.values()
                       for term in terms})
        raise ValueError(f'terms of DequityLoss names {unmatched}, but the '
                         f'loss terms are {seen}')
    result = check_terms(loss, losses, model)
    loss.examined = set(result)
    return result


def _losses(model, data_batch):
    data = model.data_preprocessor(copy.deepcopy(data_batch), True)
    if isinstance(data, dict):
        return model(**data, mode='loss')
    return model(*data, mode='loss')


def check_terms(loss, losses, model):
    """Find loss terms that get around the weights.

    Args:
        loss (DequityLoss): It computed the losses, with weights.
        losses (dict): As the detector returns it.
        model (nn.Module): The detector.

    Returns:
        dict[str, bool]: Loss terms, and whether their gradient is weighed.

    Raises:
        ValueError: If a term that should be weighed cannot be attributed to
            samples.
    """
    names = {id(p): name for name, p in model.named_parameters()}
    result, bad = {}, {}
    for name, tensors in loss_terms(losses).items():
        found = [find_leaks(tensor, names) for tensor in tensors]
        result[name] = any(weighed for weighed, _ in found)
        leaks = sorted({leak for _, some in found for leak in some})
        if leaks and (result[name] or loss.is_weighed(name)):
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
            'predictions are (samples * k, ...); or name the terms to weigh, '
            'and so leave these as they are: terms=[...]')
    return result
