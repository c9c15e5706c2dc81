"""What must hold for the weights of any detector.

Every check is an identity that needs no knowledge of the detector. Batch
normalisation runs in evaluation mode and dropout not at all, so that samples
do not see each other before the losses.

Shape letters: B samples.
"""
import contextlib
import copy
from unittest import mock

import numpy as np
import torch
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from dequity_mmdet3d.plugin import DequityLoss
from dequity_mmdet3d.plugin.boundaries import find_entries
from dequity_mmdet3d.plugin.examine import examine
from dequity_mmdet3d.plugin.families import BY_CONVENTION
from dequity_mmdet3d.weighting.attribution import carries_gradient, map_tensors
from dequity_mmdet3d.weighting.leaks import loss_terms

from .step import gradients, total_loss, train_step

WEIGHTS = (0.25, 1.0, 0.5)
# Heads in which samples of a batch act on each other before the losses, in
# the stock host, so that the gradient at a feature is of several samples.
COUPLED = {
    'FreeAnchor3DHead':
    'upstream takes the predictions of the last sample for the negative bags '
    'of all, so that they have its weight',
    'PVRCNNRoiHead':
    'on the CPU the features of a key point differ by 16 to 31 % between a '
    'batch of two and its sample alone, upstream too; the losses are '
    'weighted by the sample of the key point and of the RoI',
    'SASSD':
    'upstream looks for neighbours of the auxiliary points among all samples '
    'of the batch (`make_auxiliary_points`); the losses are weighted by the '
    'sample of the point',
    'H3DBboxHead':
    'upstream turns the surfaces of a box by the yaw of others, also of '
    'other samples (`get_surface_line_center`); the losses are weighted by '
    'the sample of the prediction',
}


def one_factor(family, term):
    """Whether a loss term has one factor, and not a sum of several each.

    VoteNet's and H3DNet's centers are matched both ways; ImVoteNet adds up
    the terms of three heads.
    """
    return 'center_loss' not in term and not (
        'ImVoteNet' in family and 'VoteHead' in family)


class Checked:
    """A detector and a batch, on which steps can be repeated.

    Args:
        model (nn.Module): In training mode.
        batch (dict): Of B >= 2 samples, as a data loader gives it.
    """

    def __init__(self, model, batch):
        self.model, self.batch = model, batch
        for module in model.modules():
            if isinstance(module, _BatchNorm):
                module.eval()
            elif isinstance(module, _DropoutNd):
                module.p = 0.0
            elif isinstance(module, torch.nn.MultiheadAttention):
                module.dropout = 0.0
        self.loss = DequityLoss()
        self.found = None

    def examine(self):
        """dict[str, bool]: Loss terms, and whether they are weighted."""
        self.found = examine(
            self.loss, self.model,
            self._batch([1.0] * len(self.batch['data_samples'])))
        return {name: term.weighted for name, term in self.found.terms.items()}

    def _batch(self, weights, order=None):
        """A copy whose samples, in this order, have these weights."""
        batch = copy.deepcopy(self.batch)
        if order is not None:
            batch = {
                'inputs': {k: [v[i] for i in order]
                           for k, v in batch['inputs'].items()},
                'data_samples': [batch['data_samples'][i] for i in order]
            }
        for sample, w in zip(batch['data_samples'], weights):
            sample.set_metainfo(dict(dequity_weight=w))
        return batch

    def _losses(self, weights, order=None):
        """Of the batch; without weights, of the stock host."""
        # a weight that would be seen if it were used
        batch = self._batch(weights or [9.0] * len(self.batch['data_samples']),
                            order)
        with _seeded():
            if weights is not None:
                self.loss.attach(self.model, self.found)
            try:
                return train_step(self.model, batch)
            finally:
                self.loss.detach()

    def step(self, weights=None, order=None):
        """Gradients of a step.

        Args:
            weights (list[float], optional): B weights; None is the stock
                host.
            order (list[int], optional): Of the samples.

        Returns:
            tuple[dict, list]: Gradients by parameter name, and those of the
            features that go into the heads, (B, ...) each.
        """
        b = len(self.batch['data_samples'])
        with _noting_features(self.model, b) as features:
            total = total_loss(self._losses(weights, order))
        return (gradients(self.model, total),
                [f.grad for f in features if f.grad is not None])

    def alone(self):
        """Each sample alone, with the batch's factor, at the last layers.

        With the weight 1 for sample i and 0 for the others, the gradient of
        a loss term is that of the stock host for a batch of sample i alone,
        but for the term's factor (the number of positives, ...), which is
        one number: the two are parallel.

        Returns:
            dict[str, float]: By loss term, 1 - cosine of the two over the
            parameters nearest to the loss (all would take minutes), the
            largest over samples. Terms without a gradient are left out.
        """
        b = len(self.batch['data_samples'])
        worst = {}
        for i in range(b):
            want = self._by_term(None, [i])
            got = self._by_term([float(i == k) for k in range(b)],
                                names={t: [*g] for t, g in want.items()})
            for term in set(got) & set(want):
                x, y = (torch.cat([g[n].flatten().double() for n in want[term]
                                   ]) for g in (got[term], want[term]))
                if x.norm() and y.norm():
                    x, y = x / x.norm(), y / y.norm()  # 1 - x.y, without loss
                    worst[term] = max(
                        worst.get(term, 0), float((x - y).square().sum() / 2))
        return worst

    def _by_term(self, weights, order=None, names=None):
        """Gradients by loss term, by parameter.

        The parameters are those of ``names``, or the nearest of each term.
        """
        losses = self._losses(weights, order)
        parameters = dict(self.model.named_parameters())
        name_of = {id(p): name for name, p in parameters.items()}
        result = {}
        for term, tensors in loss_terms(losses).items():
            value = sum(x.mean() for x in tensors)
            if not value.requires_grad or (names and term not in names):
                continue
            some = (names[term] if names else
                    [name_of[id(p)] for p in _nearest(value, 8)
                     if id(p) in name_of])
            grads = torch.autograd.grad(
                value, [parameters[name] for name in some],
                retain_graph=True, allow_unused=True)
            result[term] = {
                name: torch.zeros_like(parameters[name]) if g is None else g
                for name, g in zip(some, grads)
            }
        return {term: grads for term, grads in result.items() if grads}


def _nearest(loss, count):
    """The first parameters on the way back from a loss."""
    level, seen, found = [loss.grad_fn], set(), []
    while level and len(found) < count:
        below = []
        for node in level:
            for parent, _ in node.next_functions:
                if parent is not None and parent not in seen:
                    seen.add(parent)
                    below.append(parent)
                    if hasattr(parent, 'variable'):
                        found.append(parent.variable)
        level = below
    return found


def _seeded():
    """Draws that are the same, and the same for each sample."""
    torch.manual_seed(0)
    np.random.seed(0)
    # samplers of RoIs draw for one sample after the other
    return mock.patch.object(
        torch, 'randperm',
        lambda n, **kwargs: torch.arange(int(n), **{
            k: v for k, v in kwargs.items() if k in ('device', 'dtype')}))


@contextlib.contextmanager
def _noting_features(model, b):
    """A list of what goes into heads, whose gradients are kept."""
    features, patched, hooks = [], [], []

    def note(value, _):
        if (carries_gradient(value) and not value.is_leaf
                and value.shape[:1] == (b, )):
            value.retain_grad()
            if not any(f is value for f in features):
                features.append(value)

    def noting(stock, place):

        def noted(*args, **kwargs):
            map_tensors(note, (args[:place], kwargs))
            return stock(*args, **kwargs)

        return noted

    for module, method, (_, place) in find_entries(model):
        if module is not model:
            patched.append((module, method))
            module.__dict__[method] = noting(getattr(module, method), place)
    # some detectors call a head, and then its losses
    for module in model.modules():
        if hasattr(module, BY_CONVENTION):
            hooks.append(module.register_forward_pre_hook(
                lambda _, args: map_tensors(note, args) and None))
    try:
        yield features
    finally:
        for hook in hooks:
            hook.remove()
        for module, method in patched:
            del module.__dict__[method]


def differences(got, want):
    """Largest relative difference of two dicts of gradients."""
    assert set(got) == set(want), set(got) ^ set(want)
    scale = max(float(w.norm()) for w in want.values())
    return max(
        float((got[n] - w).norm() / max(float(w.norm()), 1e-4 * scale))
        for n, w in want.items())


def check(checked, thorough=True):
    """All identities but :meth:`Checked.alone`.

    Args:
        checked (Checked): What to check.
        thorough (bool): Without it two steps less, and ``ones`` and
            ``host_order`` are left out.

    Returns:
        dict: ``terms`` (bool by loss term), ``ones`` (whether weights of one
        are bit-identical to the stock host), ``zeros`` (whether weights of
        zero give exactly no gradient), ``order`` (largest relative
        difference after a permutation of the batch), ``host_order`` (the
        same for the stock host), ``features`` (largest
        relative difference of the gradients at the features from the stock
        host's times the weights; None where no features have a batch axis).
    """
    b = len(checked.batch['data_samples'])
    weights = list(WEIGHTS[:b])
    terms = checked.examine()
    stock, stock_features = checked.step()
    order = [*range(1, b), 0]
    more = {}
    if thorough:
        host_turned, _ = checked.step(None, order)
        ones, _ = checked.step([1.0] * b)
        more = dict(
            ones=set(ones) == set(stock) and all(
                torch.equal(ones[n], g) for n, g in stock.items()),
            host_order=differences(host_turned, stock))
    zeros, _ = checked.step([0.0] * b)
    got, features = checked.step(weights)
    turned, _ = checked.step([weights[i] for i in order], order)
    ratios = [
        float((f - s * s.new_tensor(weights).view(-1, *[1] *
                                                  (s.dim() - 1))).norm() /
              s.norm().clamp(min=1e-12))
        for f, s in zip(features, stock_features)
    ]
    return dict(
        terms=terms,
        zeros=all(bool((g == 0).all()) for g in zeros.values()),
        order=differences(turned, got),
        features=max(ratios) if ratios else None,
        **more)
