"""One step of training, without an optimiser."""
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from dequity_mmdet3d.weighting.leaks import loss_terms


class Reads(TorchDispatchMode):
    """Counts what makes the host wait for its device."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = str(function)
        self.count += any(word in name for word in (
            '_local_scalar_dense', 'nonzero', 'unique'))
        return function(*args, **(kwargs or {}))


def train_step(model, batch):
    """Losses of a batch, as the training loop computes them.

    The batch is consumed: some detectors change boxes in place.
    """
    data = model.data_preprocessor(batch, True)
    return model(**data, mode='loss')


def total_loss(losses):
    """The scalar that is minimised: all entries with ``loss`` in the name."""
    return sum(x.mean() for term in loss_terms(losses).values() for x in term)


def gradients(model, loss):
    """Gradients by parameter name; parameters without one are left out."""
    model.zero_grad(set_to_none=True)
    torch.as_tensor(loss).backward()
    return {
        name: parameter.grad
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
