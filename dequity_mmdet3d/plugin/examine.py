"""Before the first step: can each loss term be told apart by sample?"""
import copy
from dataclasses import replace

from torch.nn.modules.batchnorm import _BatchNorm

from ..weighting.randomness import no_trace
from .attachment import Attachment
from .batch import without_last
from .examination import Examination, Term, check_terms
from .observation import Observation


def examine(loss, model, data_batch):
    """Learn where the samples are in the predictions, and check the losses.

    Copies of the model compute its losses

    1. of the batch without its last sample, and of the batch: what becomes
       smaller by one there is the axis of the samples, and where predictions
       are rows of all samples, what tells how many each has must tell it in
       both;
    2. of the batch once more, weighted as in training: the graph of every loss
       term is searched for ways to a parameter that no weight stands in.

    Model, batch and random generators are left as they were, as far as
    generators can be found (:func:`.randomness.generators_of`).

    Args:
        loss (DequityLoss): The settings.
        model (nn.Module): A detector, unwrapped, in training mode.
        data_batch (dict): As it leaves the data loader.

    Returns:
        Examination: For :meth:`.DequityLoss.attach`.

    Raises:
        ValueError: If a term that should be weighted cannot be attributed to
            samples, or ``terms`` names none.
    """
    with no_trace(model):
        smaller, part = Observation(), without_last(data_batch)
        if part is not None:
            # a copy of its own: it may remember its samples (StreamPETR)
            _losses(loss, _copied(model), part, watch=smaller)
        model = _copied(model)
        seen = Observation(smaller, loss.values == 'weighted')
        seen.watch_modules(model)
        seen.name_terms(_losses(loss, model, data_batch, watch=seen))
        found = Examination(seen.layouts, dict(seen.names), dict(seen.shown),
                            dict(seen.unsure))
        _check_patterns(loss, found, seen.returned)
        weighted = check_terms(
            loss,
            _losses(loss, model, data_batch, found=found, always=True), model)
    return replace(found, terms={
        name: Term(yes, yes and name in seen.values, name in seen.coupled)
        for name, yes in weighted.items()})


def _copied(model):
    model = copy.deepcopy(model)
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.eval()  # one sample alone has no variance
    return model


def _losses(loss, model, data_batch, **kwargs):
    attached = Attachment(loss, model, **kwargs)
    try:
        data = model.data_preprocessor(copy.deepcopy(data_batch), True)
        if isinstance(data, dict):
            return model(**data, mode='loss')
        return model(*data, mode='loss')
    finally:
        attached.detach()


def _check_patterns(loss, found, returned):
    """Raise ValueError where a pattern of ``terms`` names nothing."""
    names = set(returned)
    for (boundary, term), some in found.names.items():
        names |= {term, f'{boundary.rpartition(".")[0]}.{term}', *some}
    unmatched = [pattern for pattern in loss.terms or []
                 if not loss.matching(pattern, names)]
    if unmatched:
        raise ValueError(f'terms of DequityLoss names {unmatched}, but the '
                         f'loss terms are {sorted(returned)}')
