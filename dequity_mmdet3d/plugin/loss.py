"""``DequityLoss``: the losses of a head, each sample with its weight.

Shape letters: B batch, A anchors of a level.
"""
import functools

import numpy as np

from dequity_mmdet3d.weight import (check_eta_gamma, check_normalize,
                                    sample_weights)
from mmdet3d.models.dense_heads import Anchor3DHead
from mmdet3d.models.dense_heads.train_mixins import AnchorTrainMixin
from mmdet3d.registry import MODELS
from .dataset import LIKELIHOOD_KEY, WEIGHT_KEY

# Places, in what ``anchor_target_3d`` returns, of the element weights of
# the classification, box and direction losses.
ELEMENT_WEIGHTS = (1, 3, 5)


def weight_anchor_targets(targets, weights):
    """Multiply the element weights of each sample by its weight.

    The host's losses are sums over elements, each times its element weight,
    divided by the number of positives; that number is an entry of its own
    here and stays as it is. So loss and gradient become exactly
    sum_i w_i * sum_j l_ij / F.

    Args:
        targets (tuple): What ``AnchorTrainMixin.anchor_target_3d`` returns:
            six lists over levels of (B, A) or (B, A, C) tensors, and the
            numbers of positives and negatives.
        weights (list[float]): B weights, >= 0.

    Returns:
        tuple: Targets with new element weights.
    """
    targets = list(targets)
    for place in ELEMENT_WEIGHTS:
        targets[place] = [
            level * level.new_tensor(weights).view(-1, *[1] *
                                                   (level.dim() - 1))
            for level in targets[place]
        ]
    return tuple(targets)


def _weighted_anchor_target_3d(anchor_target_3d, loss, anchor_list,
                               batch_gt_instances_3d, batch_input_metas,
                               *args, **kwargs):
    targets = anchor_target_3d(anchor_list, batch_gt_instances_3d,
                               batch_input_metas, *args, **kwargs)
    if targets is None:  # no valid anchors: the host skips the loss
        return None
    return weight_anchor_targets(targets, loss.weights(batch_input_metas))


def _is_supported(head):
    """Whether the losses of a head come from ``anchor_target_3d`` alone."""
    return (isinstance(head, Anchor3DHead)
            and type(head).loss_by_feat is Anchor3DHead.loss_by_feat
            and type(head)._loss_by_feat_single is
            Anchor3DHead._loss_by_feat_single and
            type(head).anchor_target_3d is AnchorTrainMixin.anchor_target_3d)


def heads_of(model):
    """Heads of a detector that this version weighs, by name.

    Raises:
        ValueError: If a head is there that it does not weigh, or none.
    """
    heads = {
        name: module
        for name, module in model.named_modules()
        if type(module).__name__.endswith('Head') and hasattr(module, 'loss')
    }
    refused = [
        f'{name} ({type(head).__name__})' for name, head in heads.items()
        if not _is_supported(head)
    ]
    if refused or not heads:
        raise ValueError(
            'DequityLoss weighs Anchor3DHead, the head of PointPillars and '
            f'SECOND, but {type(model).__name__} has '
            f'{", ".join(refused) or "no head"}; train it without the hook '
            'default_hooks.dequity')
    return heads


@MODELS.register_module()
class DequityLoss:
    """Multiplies each sample's part of a detector's losses by its weight.

    It holds no parameters and changes no class: attached to a detector, it
    stands between the head and its targets, and it leaves no trace in the
    state dict, in the model's config and at test time.

    Args:
        eta (float, optional): None takes the weight that
            :class:`DequityDataset` gave to the sample. With a number (or
            with ``gamma``), weights are made anew from the samples'
            likelihoods, in place of the data set's. Defaults to None.
        gamma (float, optional): As ``eta``. Where only one of the two is
            given, the other has the paper's value (eta 1, gamma 5).
            Defaults to None.
        normalize (str, optional): 'mean' divides by the mean weight of the
            training set; only with ``eta`` or ``gamma``, since otherwise
            the data set decides. Defaults to None.
    """

    def __init__(self, eta=None, gamma=None, normalize=None):
        self.own = eta is not None or gamma is not None
        if normalize is not None and not self.own:
            raise ValueError(
                f'normalize={normalize!r} of DequityLoss needs its eta or '
                'gamma; to normalize the weights of the data set, set '
                'normalize of DequityDataset')
        self.eta = 1.0 if eta is None else eta
        self.gamma = 5.0 if gamma is None else gamma
        check_eta_gamma(self.eta, self.gamma)
        check_normalize(normalize)
        self.normalize = normalize
        self._epoch = None
        self._heads = []

    def fit(self, likelihood):
        """Learn the training set, whose mean weight counts.

        Args:
            likelihood (np.ndarray): (N,) likelihoods of one epoch, NaN for
                samples without one.

        Raises:
            ValueError: If weights cannot be made from them.
        """
        if self.own:
            sample_weights(likelihood, self.eta, self.gamma, self.normalize)
            self._epoch = likelihood

    def weights(self, batch_input_metas):
        """Weights of a batch.

        Args:
            batch_input_metas (list[dict]): Meta information of B samples.

        Returns:
            list[float]: B weights, on the host's side of the device.

        Raises:
            ValueError: If a sample carries no weight.
        """
        key = LIKELIHOOD_KEY if self.own else WEIGHT_KEY
        values = [meta.get(key) for meta in batch_input_metas]
        if None in values:
            raise ValueError(
                f'{values.count(None)} of {len(values)} samples of the batch '
                f'carry no {key}; wrap train_dataloader.dataset in '
                'DequityDataset')
        if not self.own:
            return values
        if self._epoch is None:
            raise ValueError('DequityLoss with its own eta or gamma must be '
                             'fitted to the training set: call fit() first')
        return sample_weights(
            np.array(values), self.eta, self.gamma, self.normalize,
            self._epoch).tolist()

    def attach(self, model):
        """Weigh the losses of a detector from here on.

        Args:
            model (nn.Module): A detector of the host, unwrapped.

        Raises:
            ValueError: For a head that cannot be weighed.
        """
        self.detach()
        for head in heads_of(model).values():
            head.anchor_target_3d = functools.partial(
                _weighted_anchor_target_3d, head.anchor_target_3d, self)
            self._heads.append(head)

    def detach(self):
        """Give the detector back as it was."""
        for head in self._heads:
            del head.anchor_target_3d
        self._heads = []
