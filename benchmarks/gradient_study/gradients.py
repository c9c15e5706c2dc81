"""Gradients of a detector by class and sample, for why.py.

The head is MMDetection3D's Anchor3DHead with one set of anchors a class. The
gradient of a part of the loss is pulled back from the predictions: that of
a sample is what flows through its predictions, that of a class what flows
through its channel of the classifier and the boxes of its anchors. Parts
add up to the gradient of the loss.

Shape letters: B samples of a batch, C classes, P parameters, d numbers of a
sketch.
"""
import copy
import random
from typing import NamedTuple

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from torch.nn.modules.batchnorm import _BatchNorm


def batch_of(dataset, rows, seed):
    """A batch of samples, augmented as the seed says."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    return pseudo_collate([dataset[int(i)] for i in rows])


def rows_in(batch):
    """(B,) rows of what came: MMDetection3D's KITTI has them for an id.

    Frames without objects are refused, and others stand in their place.
    """
    return np.array([s.metainfo['sample_idx'] for s in batch['data_samples']])


class Sketch:
    """Shortens gradients to d numbers that keep inner products.

    Each number goes to a random place with a random sign (Charikar, Chen,
    Farach-Colton, 2002): no bias, and an error of 1 / sqrt(d) of the norms.
    """

    def __init__(self, size, d, seed=0):
        made = torch.Generator().manual_seed(seed)
        self.d = d
        self.place = torch.randint(d, (size, ), generator=made)
        self.sign = torch.randint(2, (size, ), generator=made) * 2. - 1

    def __call__(self, gradients):
        """(..., d) of (..., P) gradients."""
        return torch.zeros(*gradients.shape[:-1], self.d).index_add_(
            -1, self.place, self.sign * gradients).numpy()


class Pass(NamedTuple):
    """A forward pass, up to the gradient at the predictions.

    Attributes:
        out (list[Tensor]): (B, ..., H, W) classes, boxes, directions.
        at (list[Tensor]): Gradient of the batch's loss there.
        classes (list[Tensor]): The class of each of their channels.
        loss (float): Of the batch.
        factor (float): F, by which the loss was divided.
        positives (np.ndarray): (B, C) numbers of positive anchors.
    """
    out: list
    at: list
    classes: list
    loss: float
    factor: float
    positives: np.ndarray


def channel_classes(head):
    """Of which class the channels of the three predictions are."""
    anchors = torch.arange(head.num_anchors)
    own = anchors // (head.num_anchors // head.num_classes)
    return [torch.arange(head.num_classes).repeat(head.num_anchors),
            own.repeat_interleave(head.box_code_size),
            own.repeat_interleave(2)]


def forward(model, batch):
    """A pass of a batch; the modes of the model stay as they are."""
    data = model.data_preprocessor(copy.deepcopy(batch), True)
    out = model.bbox_head(model.extract_feat(data['inputs']))
    return at_predictions(model.bbox_head, [x for x, in out],
                          data['data_samples'])


def at_predictions(head, out, samples):
    """A pass from its predictions.

    Args:
        head (Anchor3DHead): Of one level.
        out (list[Tensor]): Classes, boxes and directions.
        samples (list[Det3DDataSample]): B, with what is annotated.
    """
    seen = {}

    def note(module, args, kwargs):
        seen.update(labels=args[1], factor=float(kwargs['avg_factor']))

    leaves = [x.detach().requires_grad_() for x in out]
    hook = head.loss_cls.register_forward_pre_hook(note, with_kwargs=True)
    try:
        losses = head.loss_by_feat(
            *[[x] for x in leaves], [s.gt_instances_3d for s in samples],
            [s.metainfo for s in samples])
    finally:
        hook.remove()
    loss = sum(x for terms in losses.values() for x in terms)
    labels = seen['labels'].view(len(samples), -1)
    positives = np.stack([(labels == c).sum(1).numpy()
                          for c in range(head.num_classes)], 1)
    return Pass(out, torch.autograd.grad(loss, leaves), channel_classes(head),
                float(loss.detach()), seen['factor'], positives)


def pull_back(done, parameters, share):
    """The gradient of a part of the loss, or of a weighted one.

    Args:
        done (Pass): Of the batch; its graph stays.
        parameters (list[Parameter]): Of the model.
        share (np.ndarray): (B, C) factors of the samples' and classes'
            parts.

    Returns:
        Tensor: (P,).
    """
    share = torch.as_tensor(share, dtype=torch.float32)
    parts = [x * share[:, own, None, None]
             for x, own in zip(done.at, done.classes)]
    return torch.cat([x.reshape(-1) for x in torch.autograd.grad(
        done.out, parameters, parts, retain_graph=True)])


def class_parts(done, parameters):
    """(C, P) gradients of the classes' parts, which add up to the whole."""
    b, c = done.positives.shape
    return torch.stack([pull_back(done, parameters, np.tile(one, (b, 1)))
                        for one in np.eye(c)])


def weighted(done, parameters, weight):
    """(P,) gradient of the loss with (B,) weights of its samples."""
    return pull_back(done, parameters, np.repeat(
        weight[:, None], done.positives.shape[1], 1))


def norms_of(model):
    """Its batch norms."""
    return [m for m in model.modules() if isinstance(m, _BatchNorm)]


def set_running(model, batches):
    """Have the running statistics of batch norm those of some batches.

    The model is in evaluation there from then on, and trains elsewhere.

    Returns:
        tuple[np.ndarray, np.ndarray]: (m,) means and variances of all
        channels.
    """
    model.train()
    for norm in norms_of(model):
        norm.reset_running_stats()
        norm.momentum = None  # the mean over batches
    with torch.no_grad():
        for batch in batches:
            data = model.data_preprocessor(copy.deepcopy(batch), True)
            model.extract_feat(data['inputs'])
    for norm in norms_of(model):
        norm.eval()
    return tuple(np.concatenate([getattr(m, name).numpy() for m in norms_of(
        model)]).astype(float) for name in ('running_mean', 'running_var'))
