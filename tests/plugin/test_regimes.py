"""Weights under the ways in which people train."""
import copy
import os
import shutil

import pytest
import torch
from mmdet3d.models.layers.norm import NaiveSyncBatchNorm1d
from mmengine.optim import OptimWrapper
from torch import nn
from torch.utils.checkpoint import checkpoint

from dequity_mmdet3d.plugin import DequityLoss
from dequity_mmdet3d.plugin.examine import examine
from tests.plugin import toys
from tests.plugin.helpers import in_two_processes
from tests.plugin.test_examine import WEIGHTS, assert_same, slow, weighted
from tests.zoo import Reads, total_loss

pytestmark = pytest.mark.slow


def attached(model, batch, **kwargs):
    loss = DequityLoss(**kwargs)
    loss.attach(model, examine(loss, model, batch))
    return loss


def test_autocast():
    """Predictions in bfloat16, weights in float32."""
    model = toys.build_toy(toys.Dense)
    batch = toys.toy_batch(3, WEIGHTS)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        got = weighted(model, WEIGHTS, batch)
        want = slow(model, WEIGHTS)
    assert_same(got, want, rtol=0.02, atol=0.02)
    x = torch.ones(3, 4, dtype=torch.bfloat16, requires_grad=True)
    from dequity_mmdet3d.weighting.gradient import BatchWeights
    BatchWeights([1 / 3, 1, 0]).scale_axis(x, 0).backward(
        torch.full((3, 4), 3.0, dtype=torch.bfloat16))
    # 3 * float32(1 / 3) is 1; with a weight in bfloat16 it would be 1.0039
    assert x.grad[:, 0].tolist() == [1, 3, 0]


def test_gradient_accumulation():
    model = toys.build_toy(toys.Dense)
    batches = [toys.toy_batch(3, WEIGHTS, seed) for seed in (0, 1)]
    want = [weighted(model, WEIGHTS, batch) for batch in batches]
    model.zero_grad()
    wrapper = OptimWrapper(
        torch.optim.SGD(model.parameters(), 1.0), accumulative_counts=2)
    before = copy.deepcopy(model.state_dict())
    attached(model, batches[0])
    wrapper.initialize_count_status(model, 0, 2)
    for batch in batches:
        wrapper.update_params(total_loss(model(**batch)))
    for name, p in model.named_parameters():
        torch.testing.assert_close(
            before[name] - p.detach(), (want[0][name] + want[1][name]) / 2)


@pytest.mark.parametrize('reentrant', [False, True])
def test_gradient_checkpointing(reentrant):

    class Saving(toys.ToyDetector):

        def loss(self, inputs, data_samples):
            x = checkpoint(
                self.backbone, torch.stack(inputs).requires_grad_(),
                use_reentrant=reentrant).tanh()
            return self.head.loss(x, data_samples)

    model = toys.build_toy(toys.Dense)
    want = slow(model, WEIGHTS)
    saving = Saving(head=model.head)
    saving.backbone = model.backbone
    assert_same(weighted(saving, WEIGHTS), want)


@pytest.mark.parametrize('backend', [
    'eager', 'aot_eager',
    pytest.param('inductor', marks=pytest.mark.skipif(
        shutil.which('g++') is None, reason='inductor needs g++'))
])
def test_compiled(backend):
    model = toys.build_toy(toys.Dense)
    want = slow(model, WEIGHTS)
    batch = toys.toy_batch(3, WEIGHTS)
    attached(model, batch)
    compiled = torch.compile(model.forward, backend=backend)
    for scale in (1, 0.5):  # weights are not burnt in
        for sample, w in zip(batch['data_samples'], WEIGHTS):
            sample.set_metainfo(dict(dequity_weight=w * scale))
        model.zero_grad()
        total_loss(compiled(**batch)).backward()
        assert_same({n: p.grad for n, p in model.named_parameters()},
                    {n: g * scale for n, g in want.items()})


def test_batch_norm_couples_samples_as_it_does_in_the_host():
    """The weighted gradient of a network whose samples are coupled.

    The reference multiplies the losses of the samples themselves.
    """
    model = toys.build_toy(toys.Dense)
    model.backbone = nn.Sequential(model.backbone, nn.BatchNorm1d(toys.C))
    batch = toys.toy_batch(3, WEIGHTS)
    got = weighted(copy.deepcopy(model), WEIGHTS, batch)
    x = model.backbone(torch.stack(batch['inputs'])).tanh()
    head, targets = model.head, [s.y for s in batch['data_samples']]
    levels = [head.conv(x), head.conv(x[..., ::2])]
    head.factor = toys.positives(targets)
    sum(w * total_loss(
        head.loss_by_feat([z[i:i + 1] for z in levels], targets[i:i + 1]))
        for i, w in enumerate(WEIGHTS)).backward()
    assert_same(got, {n: p.grad for n, p in model.named_parameters()})


def test_a_copy_of_the_model_is_weighted():
    """As hooks that average models make one."""
    model = toys.build_toy(toys.Dense)
    batch = toys.toy_batch(3, WEIGHTS)
    want = weighted(model, WEIGHTS, batch)
    attached(model, batch)
    copied = copy.deepcopy(model)
    for p in model.parameters():
        p.data.zero_()
    assert_same(toys.gradients(copied, batch), want)


def _one_rank(rank, port, job, folder):
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    torch.distributed.init_process_group('gloo', rank=rank, world_size=2)
    try:
        model, batch = job(rank)
        attached(model, batch)
        parallel = nn.parallel.DistributedDataParallel(model)
        total_loss(parallel(**batch)).backward()
        torch.save({n: p.grad for n, p in model.named_parameters()},
                   f'{folder}/{rank}.pth')
    finally:
        torch.distributed.destroy_process_group()


def of_two_processes(job, folder):
    """Gradients of each process; ``job`` gives it its model and batch."""
    in_two_processes(_one_rank, job, str(folder))
    return [torch.load(folder / f'{rank}.pth', weights_only=True)
            for rank in (0, 1)]


RANK_WEIGHTS = [[0.25, 1.0], [0.5, 0.125]]


def two_heads(rank):
    return (toys.build_toy(a=toys.Dense, b=toys.Queries),
            toys.toy_batch(2, RANK_WEIGHTS[rank], seed=rank))


def test_two_processes(tmp_path):
    """The mean over processes of what each has of its part of the batch."""
    each = []
    for rank in (0, 1):
        model, batch = two_heads(rank)
        each.append(weighted(model, RANK_WEIGHTS[rank], batch))
    want = {n: (each[0][n] + each[1][n]) / 2 for n in each[0]}
    for got in of_two_processes(two_heads, tmp_path):
        assert_same(got, want)


def normalized(layer, factor):
    """A detector with batch normalisation, its loss over a given factor."""
    model = toys.build_toy(toys.Dense)
    model.backbone = nn.Sequential(model.backbone, layer(toys.C))
    model.head.factor = factor
    return model


def synchronised(rank):
    return (normalized(NaiveSyncBatchNorm1d, 2.0),
            toys.toy_batch(2, RANK_WEIGHTS[rank], seed=rank))


def test_synchronised_batch_norm(tmp_path):
    """Of the host's two kinds the one that runs on a CPU.

    Samples of both processes are coupled: the gradient is that of one process
    with the whole batch.
    """
    parts = [synchronised(rank)[1] for rank in (0, 1)]
    batch = {key: parts[0][key] + parts[1][key] for key in parts[0]}
    model = normalized(nn.BatchNorm1d, 4.0)
    want = weighted(model, sum(RANK_WEIGHTS, []), batch)
    for got in of_two_processes(synchronised, tmp_path):
        assert_same(got, want, rtol=1e-4, atol=1e-5)


def test_a_teacher_and_branches():
    """Semi-supervised: branches by name, a teacher without gradients."""

    class Semi(nn.Module):

        def __init__(self):
            super().__init__()
            self.student = toys.build_toy(toys.Dense)
            self.teacher = toys.build_toy(toys.Dense, seed=1)
            self.data_preprocessor = self.student.data_preprocessor

        def forward(self, inputs, data_samples, mode):
            return self.loss(inputs, data_samples)

        def loss(self, multi_batch_inputs, multi_batch_data_samples):
            with torch.no_grad():
                self.teacher.loss(multi_batch_inputs['unsup'],
                                  multi_batch_data_samples['unsup'])
            losses = {}
            for branch, inputs in multi_batch_inputs.items():
                some = self.student.loss(inputs,
                                         multi_batch_data_samples[branch])
                losses.update({f'{branch}_{k}': v for k, v in some.items()})
            return losses

    model = Semi()
    weights = dict(sup=[0.25, 1.0], unsup=[0.5, 0.125])
    branches = {b: toys.toy_batch(2, w) for b, w in weights.items()}
    batch = {
        key: {b: branch[key] for b, branch in branches.items()}
        for key in ('inputs', 'data_samples')
    }
    loss = attached(model, batch)
    total_loss(model(**batch, mode='loss')).backward()
    assert loss.take_used() == weights['sup'] + weights['unsup']
    got = {n: p.grad.clone() for n, p in model.student.named_parameters()}
    loss.detach()
    parts = [slow(model.student, w) for w in weights.values()]
    assert_same(got, {n: parts[0][n] + parts[1][n] for n in got})


def test_frames_of_a_queue():
    """A sample of several frames has the weight of the last."""
    model = toys.build_toy(toys.Dense)
    old, new = toys.toy_batch(3, [9.0] * 3, 1), toys.toy_batch(3, WEIGHTS)
    queue = dict(
        inputs=new['inputs'],
        data_samples=[list(pair) for pair in zip(
            old['data_samples'], new['data_samples'])])

    class Temporal(toys.ToyDetector):

        def loss(self, inputs, data_samples):
            return self.head.loss(
                self.backbone(torch.stack(inputs)).tanh(),
                [frames[-1] for frames in data_samples])

    temporal = Temporal(head=model.head)
    temporal.backbone = model.backbone
    assert_same(weighted(temporal, WEIGHTS, queue), slow(model, WEIGHTS))


def test_nothing_waits_for_the_device():
    """Not one value more is read back than by the stock host."""

    def reads(model):
        with Reads() as mode:
            total_loss(model(**batch)).backward()
        return mode.count

    model = toys.build_toy(a=toys.Dense, b=toys.Queries, c=toys.Lists)
    batch = toys.toy_batch(3, WEIGHTS)
    stock = reads(model)
    attached(model, batch)
    assert reads(model) == stock
