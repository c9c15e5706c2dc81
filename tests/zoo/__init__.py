"""Every 3D config of the host's model zoo, trained on the CPU.

``configs`` lists and loads the detectors, ``batches`` makes what their
dataloaders would give, ``segmentors`` does both for segmentors, ``cpu_ops``
stands in for operators that exist for CUDA only:

    cfg = load(name)
    model = build(cfg)
    with cpu_ops():
        losses = train_step(model, make_batch(cfg, batch_size=2))
"""
from collections.abc import Callable
from typing import NamedTuple

from . import segmentors as _segmentors
from .batches import make_batch
from .configs import (
    build,
    family,
    load,
    reason_not_built,
    representatives,
    zoo_configs,
)
from .cpu_ops import cpu_ops
from .fcaf3d import fcaf3d_head, fcaf3d_predictions
from .step import Reads, gradients, total_loss, train_step

__all__ = [
    'DETECTORS', 'SEGMENTORS', 'Reads', 'Zoo', 'build', 'cpu_ops', 'family',
    'fcaf3d_head', 'fcaf3d_predictions', 'gradients', 'load', 'make_batch',
    'reason_not_built', 'representatives', 'total_loss', 'train_step',
    'zoo_configs', 'zoo_of'
]


class Zoo(NamedTuple):
    """What is to be known of the configs of one task, each by its name."""
    configs: Callable  # () to all names
    representatives: Callable  # () to {family: name}
    reason: Callable  # why it cannot be built, or None
    load: Callable  # to its config, cheaper
    batch: Callable  # (config, batch size) to a made batch
    family: Callable  # to names of classes
    terms: Callable  # to the loss terms that are weighted; None for all


DETECTORS = Zoo(zoo_configs, representatives, reason_not_built, load,
                make_batch, family, lambda name: None)
SEGMENTORS = Zoo(
    _segmentors.segmentor_configs, _segmentors.segmentor_representatives,
    _segmentors.reason_no_segmentor, _segmentors.load_segmentor,
    _segmentors.segmentor_batch, _segmentors.segmentor_family,
    _segmentors.segmentor_terms)


def zoo_of(name):
    """Zoo: Whose config it is."""
    return SEGMENTORS if name in SEGMENTORS.configs() else DETECTORS
