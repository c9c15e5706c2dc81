"""Small detectors with heads of every habit, for what no zoo model shows.

Shape letters: B samples, C channels, L decoder layers, Q queries.
"""
import torch
from mmengine.model import BaseModel
from mmengine.structures import BaseDataElement
from torch import nn

from tests.zoo import total_loss

C, Q, L = 4, 5, 3


class Dense(nn.Module):
    """A dense head: a list of levels, each (B, C, H).

    ``factor``: instead of the number of positives of the batch.
    """
    factor = None

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(C, C, 1)

    def loss(self, x, batch_data_samples):
        levels = [self.conv(x), self.conv(x[..., ::2])]
        return self.loss_by_feat(levels, [s.y for s in batch_data_samples])

    def loss_by_feat(self, cls_scores, targets):
        y = torch.stack(targets)
        factor = self.factor or positives(targets)
        losses = [(z - y[:, :, None])**2 for z in cls_scores]
        return dict(
            loss_cls=[x.sum() / factor for x in losses],
            loss_box=(cls_scores[0] * y[:, :, None]).abs().sum() / factor,
            hits=torch.tensor(1.0))


def positives(targets):
    """Number of positives of a batch, the host's usual factor."""
    return int((torch.stack(targets) > 0).sum().clamp(min=1))


class Queries(nn.Module):
    """A query head: layers first, (L, B, Q, C), and a list of the layers'.

    Positions are (Q, B, C), as transformers have it.
    """

    def __init__(self, layers=L):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(C, C) for _ in range(layers)])
        self.queries = nn.Embedding(Q, C)

    def loss(self, x, batch_data_samples):
        x = x.mean(2)[:, None] + self.queries.weight
        outs = torch.stack([layer(x) for layer in self.layers])
        preds = dict(all_scores=outs, positions=x.transpose(0, 1),
                     query_embedding=self.queries.weight * 2)
        return self.loss_by_feat([s.y for s in batch_data_samples], preds)

    def loss_by_feat(self, targets, preds):
        y = torch.stack(targets)[:, None]
        losses = {
            f'd{i}.loss_cls': ((z - y)**2).sum()
            for i, z in enumerate(preds['all_scores'])
        }
        positions = preds['positions'].transpose(0, 1)
        losses['loss_position'] = (positions * y).sum()
        return losses


class Lists(nn.Module):
    """A sparse head: lists of levels of samples, (N_i, C)."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(C, C)

    def loss(self, x, batch_data_samples):
        rows = [self.linear(s.points + f.mean(1))
                for s, f in zip(batch_data_samples, x)]
        return self.loss_by_feat([rows, [r[::2] for r in rows]],
                                 [s.y for s in batch_data_samples])

    def loss_by_feat(self, preds, targets):
        return dict(loss_cls=[
            sum(((z - y)**2).sum() for z, y in zip(level, targets))
            for level in preds
        ])


class Auxiliary(nn.Module):
    """A loss outside of the convention, of rows (B * 2, C)."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(C, C)

    def loss(self, x, batch_data_samples):
        rows = self.linear(x[..., :2].transpose(1, 2)).flatten(0, 1)
        return dict(loss_depth=self.depth_loss(
            rows, torch.stack([s.y for s in batch_data_samples])))

    def depth_loss(self, rows, y):
        return (rows - y.repeat_interleave(2, 0)).abs().sum()


class DepthLosses(Auxiliary):
    """The same, with a method that returns a dict."""

    def loss(self, x, batch_data_samples):
        rows = self.linear(x[..., :2].transpose(1, 2)).flatten(0, 1)
        return self.depth_losses(
            rows, torch.stack([s.y for s in batch_data_samples]))

    def depth_losses(self, rows, y):
        return dict(loss_depth=self.depth_loss(rows, y))


class Uncertain(Dense):
    """A parameter inside the loss, which belongs to no sample."""

    def __init__(self):
        super().__init__()
        self.log_variance = nn.Parameter(torch.zeros(()))

    def loss_by_feat(self, *args):
        losses = super().loss_by_feat(*args)
        losses['loss_box'] = losses['loss_box'] * self.log_variance.exp()
        return losses


class Dropout(Dense):
    """A random draw inside the loss."""

    def loss_by_feat(self, cls_scores, targets):
        keep = [torch.rand_like(z) < 0.5 for z in cls_scores]
        return super().loss_by_feat(
            [z * k for z, k in zip(cls_scores, keep)], targets)


class ToyDetector(BaseModel):
    """A layer that couples nothing, and heads by name."""

    def __init__(self, **heads):
        super().__init__()
        self.backbone = nn.Conv1d(C, C, 1)
        self.heads = list(heads)
        for name, head in heads.items():
            setattr(self, name, head)

    def loss(self, inputs, data_samples):
        x = self.backbone(torch.stack(inputs)).tanh()
        losses = {}
        for name in self.heads:
            for k, v in getattr(self, name).loss(x, data_samples).items():
                losses[k if len(self.heads) == 1 else f'{name}_{k}'] = v
        return losses

    def forward(self, inputs, data_samples=None, mode='loss'):
        return self.loss(inputs, data_samples)


def toy_batch(b, weights=None, seed=0):
    """As a data loader gives it, each sample with a weight."""
    generator = torch.Generator().manual_seed(seed)
    samples = []
    for i in range(b):
        sample = BaseDataElement(
            metainfo=dict(
                dequity_weight=weights[i] if weights else 1.0,
                dequity_likelihood=0.5))
        sample.y = torch.randn(C, generator=generator)
        sample.points = torch.randn(3 + 2 * i, C, generator=generator)
        samples.append(sample)
    inputs = [torch.randn(C, 6, generator=generator) for _ in range(b)]
    return dict(inputs=inputs, data_samples=samples)


def build_toy(*heads, seed=0, **named):
    """A detector with one head, or with several by name."""
    torch.manual_seed(seed)
    named.update(dict(head=heads[0]()) if heads else {})
    return ToyDetector(**{
        name: head() if isinstance(head, type) else head
        for name, head in named.items()
    }).train()


def gradients(model, batch):
    """By parameter, of a plain training step."""
    model.zero_grad()
    total_loss(model(**batch)).backward()
    return {name: None if p.grad is None else p.grad.clone()
            for name, p in model.named_parameters()}
