"""One step of training, without an optimiser."""
import torch


def train_step(model, batch):
    """Losses of a batch, as the training loop computes them.

    The batch is consumed: some detectors change boxes in place.
    """
    data = model.data_preprocessor(batch, True)
    return model(**data, mode='loss')


def total_loss(losses):
    """The scalar that is minimised: all entries with ``loss`` in the name."""
    total = 0
    for name, value in losses.items():
        if 'loss' in name:
            values = value if isinstance(value, (list, tuple)) else [value]
            total = total + sum(v.mean() for v in values)
    return total


def gradients(model, loss):
    """Gradients by parameter name; parameters without one are left out."""
    model.zero_grad(set_to_none=True)
    torch.as_tensor(loss).backward()
    return {
        name: parameter.grad
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
