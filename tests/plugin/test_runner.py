"""Equity in a whole run of the host's Runner, with its hooks and wrappers."""
import contextlib
import copy
import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet3d.registry import DATASETS, TRANSFORMS
from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from mmengine.runner import Runner, load_checkpoint
from mmengine.structures import BaseDataElement

from dequity_mmdet3d.plugin import DequityDataset
from dequity_mmdet3d.plugin.resumed import other_tables
from dequity_mmdet3d.weight import dequity_weight
from dequity_mmdet3d.weighting.draw import systematic_draw
from tests.helpers import save_table
from tests.plugin import toys
from tests.plugin.helpers import in_two_processes
from tests.plugin.test_examine import weighted

pytestmark = pytest.mark.slow

N = 8
LR = 0.01
LIKELIHOOD = 1 / np.arange(1, N + 1)


def item(i):
    """Input and data sample of sample i."""
    batch = toys.toy_batch(1, seed=int(i))
    return dict(inputs=batch['inputs'][0],
                data_samples=batch['data_samples'][0])


def pack(info):
    made = item(info['sample_idx'])
    sample = BaseDataElement(metainfo=dict(sample_idx=info['sample_idx']))
    sample.y, sample.points = (made['data_samples'].y,
                               made['data_samples'].points)
    return dict(made, data_samples=sample)


class Toys(BaseDataset):
    """N made samples."""

    def load_data_list(self):
        return [dict(sample_idx=i) for i in range(N)]


@pytest.fixture
def table(tmp_path):
    return save_table(tmp_path / 'table.parquet',
                      {str(i): p for i, p in enumerate(LIKELIHOOD)})


def runner(work_dir, table, model, epochs=4, loss=None, batch_size=2,
           custom_hooks=(), sampler=None, **kwargs):
    cfg = dict(
        train_dataloader=dict(
            batch_size=batch_size,
            num_workers=0,
            collate_fn=dict(type='pseudo_collate'),
            sampler=sampler or dict(type='DefaultSampler', shuffle=False),
            dataset=DequityDataset(Toys(pipeline=[pack]), table)),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=LR)),
        default_hooks=dict(
            logger=dict(type='LoggerHook', interval=1),
            dequity=dict(type='DequityHook',
                         loss=dict(type='DequityLoss', **(loss or {})))),
        custom_hooks=list(custom_hooks),
        default_scope='mmdet3d',
        randomness=dict(seed=5),
        experiment_name=f'{work_dir.parent.name}_{work_dir.name}_'
        f'{len(list(work_dir.rglob("*")))}')
    cfg.update(kwargs)
    return Runner(model, str(work_dir), **cfg)


class Trained(toys.ToyDetector):
    """Gets lists of inputs, as the host's preprocessors do."""

    def loss(self, inputs, data_samples):
        return super().loss(list(inputs), data_samples)


def fresh():
    torch.manual_seed(0)
    return Trained(head=toys.Dense())


def in_order(steps, gamma_at):
    """Samples and weights of steps over batches of two, in order."""
    for step in range(steps):
        ids = [(2 * step) % N, (2 * step + 1) % N]
        yield ids, dequity_weight(LIKELIHOOD[ids], 1.0, gamma_at(step))


def by_hand(batches):
    """Parameters after a step over each batch, of samples and weights."""
    model = fresh().train()
    for ids, weights in batches:
        weights = weights.tolist()
        items = [item(i) for i in ids]
        batch = {k: [x[k] for x in items] for k in ('inputs', 'data_samples')}
        for sample, w in zip(batch['data_samples'], weights):
            sample.set_metainfo(dict(dequity_weight=w))
        gradients = weighted(model, weights, batch)
        with torch.no_grad():
            for name, p in model.named_parameters():
                p -= LR * gradients[name]
    return {n: p.detach().clone() for n, p in model.named_parameters()}


class Rates(Hook):
    """Notes the learning rate of each step."""

    def __init__(self, rates):
        self.rates = rates

    def after_train_iter(self, runner, *args, **kwargs):
        self.rates += runner.optim_wrapper.get_lr()['lr']


def parameters(model):
    return {n: p.detach().clone() for n, p in model.named_parameters()}


def assert_close(got, want):
    assert set(got) == set(want)
    for name in want:
        torch.testing.assert_close(got[name], want[name])


def test_a_run_is_the_steps_by_hand(tmp_path, table):
    run = runner(tmp_path / 'run', table, fresh(), epochs=2)
    run.train()
    assert_close(parameters(run.model), by_hand(in_order(8, lambda step: 5.0)))


def test_a_part_is_drawn_and_the_rest_weighted(tmp_path, table):
    """Drawn by w ** 0.25; each draw by w over how often it comes."""
    run = runner(tmp_path / 'run', table, fresh(), epochs=1,
                 sampler=dict(type='DequitySampler', power=0.25, seed=2))
    run.train()
    drawn = dequity_weight(LIKELIHOOD, 1.0, 5.0)**0.25
    draws = systematic_draw(drawn, N, np.random.default_rng((2, 0)))
    left = dequity_weight(LIKELIHOOD, 1.0, 5.0) / (drawn / drawn.mean())
    assert_close(parameters(run.model), by_hand(
        [(ids, left[ids]) for ids in draws.reshape(4, 2).tolist()]))


def test_resumed_schedule(tmp_path, table):
    """gamma 0 for an epoch, then up to 6; stopped in the middle."""
    loss = dict(schedule=dict(gamma=[(0, 0), (1, 0), (4, 6)]))
    whole = runner(tmp_path / 'whole', table, fresh(), loss=loss)
    whole.train()
    runner(tmp_path / 'part', table, fresh(), epochs=2, loss=loss).train()
    rest = runner(tmp_path / 'part', table, fresh(), loss=loss, resume=True)
    rest.train()
    want = by_hand(in_order(16, lambda step: max(0.0, 2 * (step / 4 - 1))))
    assert_close(parameters(whole.model), want)
    assert_close(parameters(rest.model), want)
    logged = rest.message_hub.get_scalar('train/dequity_gamma').data[0]
    # the history of the first part is in the checkpoint
    np.testing.assert_allclose(
        logged, [max(0.0, 2 * (step / 4 - 1)) for step in range(16)])


def test_resumed_with_another_table(tmp_path, table):
    """It is told; to start from its weights is no resuming."""
    work = tmp_path / 'run'
    runner(work, table, fresh(), epochs=1).train()
    other = save_table(tmp_path / 'other.parquet',
                       {str(i): p / 2 for i, p in enumerate(LIKELIHOOD)})
    again = runner(work, other, fresh(), epochs=2, resume=True)
    with pytest.raises(ValueError, match=r'begun with .*table\.parquet '
                       r'\(sha256 \w+\), and would .*other_table=warn'):
        again.train()
    hook = dict(type='DequityHook', other_table='warn')
    warned = runner(work, other, fresh(), epochs=2, resume=True,
                    default_hooks=dict(dequity=hook))
    warned.train()
    log = (work / warned.timestamp / f'{warned.timestamp}.log').read_text()
    assert 'WARNING - DequityHook: this training was begun with' in log
    tuned = runner(tmp_path / 'tuned', other, fresh(), epochs=1,
                   load_from=str(work / 'epoch_1.pth'))
    tuned.train()


@pytest.mark.parametrize('before, want', [
    (None, None),
    ([['a', '1']], None),
    ([['moved', '1']], None),
    ([['b', '2']], r'begun with b \(sha256 2\), and would go on with a '),
    ([], 'begun with no table'),
    ([['a', '1'], ['b', '2']], r'a \(sha256 1\) and b \(sha256 2\)'),
    ('a', 'is changed'), ([1], 'is changed'), ([['a']], 'is changed')])
def test_tables_of_a_checkpoint(before, want):
    found = other_tables(before, [['a', '1']])
    assert (found is None) == (want is None)
    assert want is None or re.search(want, found)


def test_exponential_moving_average(tmp_path, table):
    """The average follows the weighted model, and holds no weights."""
    hook = dict(type='EMAHook', momentum=0.25)
    run = runner(tmp_path / 'run', table, fresh(), epochs=1,
                 custom_hooks=[hook])
    run.train()
    average = parameters(fresh())
    for step in range(1, 5):
        now = by_hand(in_order(step, lambda step: 5.0))
        average = now if step == 1 else {
            n: 0.75 * average[n] + 0.25 * now[n] for n in now}
    ema = next(h for h in run.hooks if type(h).__name__ == 'EMAHook')
    assert_close(parameters(ema.ema_model.module), average)
    resumed = runner(tmp_path / 'run', table, fresh(), epochs=2,
                     custom_hooks=[hook], resume=True)
    resumed.train()
    assert_close(parameters(resumed.model),
                 by_hand(in_order(8, lambda step: 5.0)))


def test_fine_tuning_and_automatic_learning_rate(tmp_path, table):
    stock = fresh()
    with torch.no_grad():
        for p in stock.parameters():
            p *= 0.5
    torch.save(stock.state_dict(), tmp_path / 'stock.pth')
    run = runner(tmp_path / 'run', table, fresh(), epochs=1,
                 load_from=str(tmp_path / 'stock.pth'),
                 auto_scale_lr=dict(enable=True, base_batch_size=4))
    rates = []
    run.register_hook(Rates(rates))
    run.train()
    assert rates == [LR / 2] * 4  # a batch of 2 of 4
    start = parameters(stock)
    assert not torch.equal(parameters(run.model)['backbone.weight'],
                           start['backbone.weight'])
    # what was trained loads in a model that never saw equity
    load_checkpoint(fresh(), str(tmp_path / 'run/epoch_1.pth'), strict=True)


def _rank(rank, port, folder, table):
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port),
                      RANK=str(rank), WORLD_SIZE='2', LOCAL_RANK=str(rank))
    torch.set_num_threads(1)
    # the host's own start of gloo asks for a CUDA device
    torch.distributed.init_process_group('gloo')
    run = runner(
        Path(folder) / 'run', table, fresh(), epochs=1, batch_size=1,
        launcher='pytorch', experiment_name='two',
        # and so does its default wrapper
        cfg=dict(model_wrapper_cfg=dict(
            type='MMDistributedDataParallel', device_ids=None)))
    run.train()
    torch.save(parameters(run.model.module), f'{folder}/{rank}.pth')
    torch.distributed.destroy_process_group()


def test_two_processes(tmp_path, table):
    """Batches of one a process: factors are a process's own, then a mean."""
    in_two_processes(_rank, str(tmp_path), table)
    model = fresh().train()
    for step in range(4):
        each = []
        for i in (2 * step, 2 * step + 1):
            w = float(dequity_weight(LIKELIHOOD[i]))
            made = item(i)
            made['data_samples'].set_metainfo(dict(dequity_weight=w))
            each.append(weighted(copy.deepcopy(model), [w], {
                k: [v] for k, v in made.items()}))
        with torch.no_grad():
            for name, p in model.named_parameters():
                p -= LR * (each[0][name] + each[1][name]) / 2
    for rank in (0, 1):
        got = torch.load(tmp_path / f'{rank}.pth', weights_only=True)
        assert_close(got, parameters(model))


def _mix(info, other):
    """As PolarMix and LaserMix: points of another sample are added."""
    made, more = pack(info), item(other['sample_idx'])
    made['data_samples'].points = torch.cat(
        [made['data_samples'].points, more['data_samples'].points])
    return made


def test_a_mixed_sample_has_the_weight_of_the_first(table):
    """Mixed within the pipeline."""
    dataset = DequityDataset(Toys(pipeline=[
        lambda info: _mix(info, base.get_data_info(N - 1))]), table)
    base = dataset.dataset
    weights = dequity_weight(LIKELIHOOD)
    for i in range(N):
        sample = dataset[i]['data_samples']
        assert sample.sample_idx == i and len(sample.points) == 6
        assert sample.dequity_weight == weights[i]


def test_mixed_by_a_wrapper(table):
    """Its pipeline packs anew: it must keep the weight."""
    cfg = dict(
        type='mmdet.MultiImageMixDataset',
        dataset=dict(
            type='DequityDataset', table=table,
            dataset=dict(type='Toys', pipeline=[])),
        pipeline=[dict(type='Mix')])
    with _registered():
        dataset = DATASETS.build(cfg)
    weights = dequity_weight(LIKELIHOOD)
    for i in range(N):
        assert dataset[i]['data_samples'].dequity_weight == weights[i]


@contextlib.contextmanager
def _registered():

    class Mix:
        """Packs with ``meta_keys`` that name the weight."""

        def get_indexes(self, dataset):
            return N - 1

        def __call__(self, results):
            made = _mix(results, results['mix_results'][0])
            made['data_samples'].set_metainfo(
                {k: results[k] for k in ('dequity_weight', )})
            return made

    DATASETS.register_module(module=Toys)
    TRANSFORMS.register_module(module=Mix)
    try:
        yield
    finally:
        del DATASETS.module_dict['Toys']
        del TRANSFORMS.module_dict['Mix']
