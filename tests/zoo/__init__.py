"""Every 3D detector config of the host's model zoo, trained on the CPU.

``configs`` lists and loads them, ``batches`` makes what their dataloaders
would give, ``cpu_ops`` stands in for operators that exist for CUDA only:

    cfg = load(name)
    model = build(cfg)
    with cpu_ops():
        losses = train_step(model, make_batch(cfg, batch_size=2))
"""
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
    'Reads', 'build', 'cpu_ops', 'family', 'fcaf3d_head', 'fcaf3d_predictions',
    'gradients', 'load', 'make_batch', 'reason_not_built', 'representatives',
    'total_loss', 'train_step', 'zoo_configs'
]
