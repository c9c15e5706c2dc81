"""The loss of rare and of common samples: right, and without a trace."""
import contextlib
import copy
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.utils import reduce_mean
from mmdet3d.models.layers.norm import NaiveSyncBatchNorm1d
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from mmengine.runner import Runner
from torch import nn

from dequity_mmdet3d.plugin import DequityDataset, DequityProbe
from dequity_mmdet3d.plugin.batch import take
from dequity_mmdet3d.plugin.probe import loss_alone
from tests.helpers import save_table
from tests.plugin import toys
from tests.plugin.helpers import in_two_processes, load_config
from tests.plugin.test_runner import (
    LIKELIHOOD,
    N,
    Toys,
    Trained,
    item,
    pack,
    runner,
    table,
)
from tests.zoo import total_loss

__all__ = ['table']  # a fixture
# of the likelihoods 1, 1/2, ... 1/8 two eighths are nearest to a fifth, and
# a half stands above the half
RARE, COMMON = {6, 7}, {0, 1, 2, 3}


class Restless(Trained):
    """Everything that a measurement could disturb.

    Batch norm, dropout, a counter, a buffer and a random generator of its
    own, a preprocessing that writes into its input, and a factor that is
    averaged over processes.
    """

    def __init__(self, **heads):
        super().__init__(**heads)
        self.norm = NaiveSyncBatchNorm1d(toys.C)
        self.dropout = nn.Dropout(0.25)
        self.calls = 0
        self.rng = np.random.RandomState(234)
        self.register_buffer('seen', torch.zeros(()))

    def loss(self, inputs, data_samples):
        self.calls += 1
        self.seen += len(inputs)
        for x in inputs:
            x *= self.rng.uniform(0.4, 0.6)
        made = self.norm(torch.stack(list(inputs)))
        losses = super().loss(self.dropout(made), data_samples)
        # all ranks take part, or all wait for ever
        factor = reduce_mean(torch.tensor(float(len(inputs))))
        return {k: v if k == 'hits' else [x / factor for x in _list(v)]
                for k, v in losses.items()}


def _list(value):
    return value if isinstance(value, list) else [value]


def restless():
    torch.manual_seed(0)
    return Restless(head=toys.Dense())


def noisy(info):
    """A pipeline that draws from the global state, as the host's do."""
    made = pack(info)
    made['inputs'] = made['inputs'] * np.random.uniform(0.5, 1.5)
    return made


def hooks(probe=None, dequity=True):
    chosen = dict(logger=dict(type='LoggerHook', interval=1))
    if dequity:
        chosen['dequity'] = dict(type='DequityHook')
    if probe is not None:
        chosen['probe'] = dict(type='DequityProbe', **probe)
    return chosen


def loader(table, batch_size=2, sampler='DefaultSampler', **kwargs):
    return dict(
        batch_size=batch_size,
        num_workers=0,
        collate_fn=dict(type='pseudo_collate'),
        sampler=dict(type=sampler, shuffle=True),
        dataset=DequityDataset(Toys(pipeline=[noisy]), table, **kwargs))


def train(folder, table, model, probe=None, dequity=True, epochs=2, data=None,
          **kwargs):
    run = runner(folder, table, model, epochs=epochs,
                 default_hooks=hooks(probe, dequity),
                 train_dataloader=data or loader(table), **kwargs)
    run.train()
    return run


def measured(folder):
    """{step: row} of what the probe wrote, and the rows of the rest."""
    rows = [json.loads(line)
            for path in sorted(Path(folder).glob('*/vis_data/scalars.json'))
            for line in path.read_text().split('\n') if line]
    of_probe = [row for row in rows if any('dequity_loss' in k for k in row)]
    assert len({row['step'] for row in of_probe}) == len(of_probe)
    return ({row['step']: row for row in of_probe},
            [row for row in rows if row not in of_probe])


class Slow(Hook):
    """The stock loss of samples alone, by a copy of the model."""
    priority = 'HIGHEST'

    def __init__(self):
        self.want = {}

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        samples = data_batch['data_samples']
        for name, ids in (('rare', RARE), ('common', COMMON)):
            rows = [i for i, s in enumerate(samples) if s.sample_idx in ids]
            if not rows:
                continue
            torch_state = torch.get_rng_state()
            model = copy.deepcopy(runner.model)
            for key in ('loss', 'loss_by_feat'):  # equity, where it is on
                for module in model.modules():
                    vars(module).pop(key, None)
            model.norm.eval()
            losses = model.loss(
                [data_batch['inputs'][i].clone() for i in rows],
                [samples[i] for i in rows])
            torch.set_rng_state(torch_state)
            self.want.setdefault(runner.iter + 1, {})[
                f'dequity_loss_{name}'] = total_loss(losses).item()


ARMS = {
    'weighted': (dict(), True),
    'drawn': (dict(sampler='DequitySampler'), True),
    'baseline': (dict(gamma=0), False)
}


@pytest.mark.parametrize('arm', ARMS)
def test_a_training_does_not_notice(tmp_path, table, arm):
    settings, dequity = ARMS[arm]
    states, logs = [], []
    for name, probe in (('without', None), ('with', dict(interval=1))):
        run = train(tmp_path / name, table, restless(), probe, dequity,
                    data=loader(table, **settings))
        states.append(run.model.state_dict())
        probed, others = measured(tmp_path / name)
        logs.append([{k: v for k, v in row.items() if 'time' not in k}
                     for row in others])
        assert len(probed) == (8 if probe else 0)
        assert run.model.calls == 8
    assert states[0].keys() == states[1].keys()
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name
    assert logs[0] == logs[1] and len(logs[0]) == 8


@pytest.mark.parametrize('arm', ARMS)
def test_the_figures_are_those_of_the_samples_alone(tmp_path, table, arm):
    settings, dequity = ARMS[arm]
    slow = Slow()
    run = runner(tmp_path, table, restless(), epochs=3,
                 default_hooks=hooks(dict(interval=1), dequity),
                 train_dataloader=loader(table, 3, **settings),
                 visualizer=dict(type='Visualizer', vis_backends=[
                     dict(type='LocalVisBackend'),
                     dict(type='TensorboardVisBackend')]))
    run.register_hook(slow)
    run.train()
    probed, others = measured(tmp_path)
    assert slow.want.keys() == probed.keys()
    for step, row in probed.items():
        assert row == pytest.approx(
            dict(slow.want[step], iter=step, step=step), rel=1e-5), step
    # the log's own rows neither repeat nor average them
    assert len(others) == 9 and 'loss' in others[0]
    check_event_file(tmp_path, probed)


def check_event_file(folder, probed):
    accumulators = pytest.importorskip(
        'tensorboard.backend.event_processing.event_accumulator',
        reason='tensorboard is not installed')
    path, = Path(folder).glob('*/vis_data/events.out.*')
    events = accumulators.EventAccumulator(str(path))
    events.Reload()
    for name in ('dequity_loss_rare', 'dequity_loss_common'):
        got = {e.step: e.value for e in events.Scalars(name)}
        assert got == pytest.approx({
            step: row[name] for step, row in probed.items() if name in row
        }, rel=1e-6)


def test_the_wrapper_alone_changes_nothing(tmp_path, table):
    """What a baseline keeps of this package so that a probe measures."""
    stock = dict(loader(table), dataset=Toys(pipeline=[noisy]))
    models = [train(tmp_path / name, table, restless(), probe, dequity=False,
                    data=data).model
              for name, probe, data in (
                  ('stock', None, stock),
                  ('wrapped', dict(interval=1), loader(table)))]
    assert measured(tmp_path / 'wrapped')[0]
    for name, value in models[0].state_dict().items():
        assert torch.equal(value, models[1].state_dict()[name]), name


def test_interval_and_resume(tmp_path, table):
    """Where it is due each is measured at its first occurrence, once."""
    order = []

    class Notes(Hook):

        def before_train_iter(self, runner, batch_idx, data_batch=None):
            order.append({s.sample_idx for s in data_batch['data_samples']})

    whole = runner(tmp_path / 'whole', table, restless(),
                   default_hooks=hooks(dict(interval=5)),
                   train_dataloader=loader(table))
    whole.register_hook(Notes())
    whole.train()
    want = {}
    for name, ids in (('rare', RARE), ('common', COMMON)):
        for window in range(0, 16, 5):
            steps = [i + 1 for i in range(window, min(window + 5, 16))
                     if order[i] & ids]
            for step in steps[:1]:
                want.setdefault(step, set()).add(f'dequity_loss_{name}')
    assert len(want) >= 4

    def named(folder):
        return {step: set(row) - {'iter', 'step'}
                for step, row in measured(folder)[0].items()}

    assert named(tmp_path / 'whole') == want
    for epochs, resume in ((2, False), (4, True)):
        train(tmp_path / 'part', table, restless(), dict(interval=5),
              epochs=epochs, resume=resume)
    assert named(tmp_path / 'part') == want


def test_batches_of_one(tmp_path, table):
    """Rare and common samples never meet."""
    train(tmp_path, table, restless(), dict(interval=8), epochs=1,
          data=loader(table, 1))
    probed, _ = measured(tmp_path)
    assert len(probed) == 2
    assert {k for row in probed.values() for k in row} >= {
        'dequity_loss_rare', 'dequity_loss_common'}


def test_samples_that_are_all_alike(tmp_path):
    path = save_table(tmp_path / 'table.parquet',
                      {str(i): 0.5 for i in range(N)})
    run = train(tmp_path / 'run', path, restless(), dict(interval=1))
    assert measured(tmp_path / 'run')[0] == {}
    text = next(Path(run.log_dir).glob('*.log')).read_text()
    assert text.count('DequityProbe: all samples are alike') == 1


def test_samples_without_likelihood(tmp_path, table):
    """They are neither rare nor common."""
    path = save_table(tmp_path / 'part.parquet',
                      {str(i): LIKELIHOOD[i] for i in (0, 1, 6, 7)})
    train(tmp_path / 'run', table, restless(), dict(interval=1),
          data=loader(path, 1, missing='neutral'), epochs=1)
    assert len(measured(tmp_path / 'run')[0]) == 4 - 1  # one is middle


def test_mixed_precision(tmp_path, table):
    """As AmpOptimWrapper, which asks for a GPU."""
    seen = set()

    class Half(OptimWrapper):

        @contextlib.contextmanager
        def optim_context(self, model):
            with super().optim_context(model), torch.autocast(
                    'cpu', dtype=torch.bfloat16):
                yield

    class Typed(Trained):

        def loss(self, inputs, data_samples):
            seen.add((self.backbone(inputs[0]).dtype, torch.is_grad_enabled()))
            return super().loss(inputs, data_samples)

    OPTIM_WRAPPERS.register_module(module=Half)
    try:
        wrapper = dict(type='Half', accumulative_counts=2,
                       optimizer=dict(type='SGD', lr=0.01))
        models = [train(tmp_path / str(i), table, Typed(head=toys.Dense()),
                        probe, optim_wrapper=wrapper).model
                  for i, probe in enumerate((None, dict(interval=1)))]
    finally:
        del OPTIM_WRAPPERS.module_dict['Half']
    assert (torch.bfloat16, False) in seen
    assert (torch.float32, False) not in seen
    # the models differ by their first values, so compare what moved
    assert len(models) == 2 and len(measured(tmp_path / '1')[0]) == 8


def _rank(rank, port, folder, table):
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port),
                      RANK=str(rank), WORLD_SIZE='2', LOCAL_RANK=str(rank))
    torch.set_num_threads(1)
    torch.distributed.init_process_group('gloo')
    for name, probe in (('without', None), ('with', dict(interval=1))):
        run = train(
            Path(folder) / name, table, restless(), probe, epochs=1,
            launcher='pytorch', experiment_name=name,
            cfg=dict(model_wrapper_cfg=dict(
                type='MMDistributedDataParallel', device_ids=None)))
        torch.save(run.model.module.state_dict(),
                   f'{folder}/{name}{rank}.pth')
    torch.distributed.destroy_process_group()


def test_two_processes(tmp_path, table):
    """One measures alone a model whose norm and factor are synchronised."""
    in_two_processes(_rank, str(tmp_path), table)
    for rank in (0, 1):
        without, probed = (
            torch.load(tmp_path / f'{name}{rank}.pth', weights_only=True)
            for name in ('without', 'with'))
        for name, value in without.items():
            assert torch.equal(value, probed[name]), name
    assert measured(tmp_path / 'with')[0]


def test_a_wrapper_that_shares_out_the_model(tmp_path, table):

    class Sharded(nn.Module):

        def __init__(self, module):
            super().__init__()
            self.module = module

    from mmengine.registry import MODEL_WRAPPERS
    MODEL_WRAPPERS.register_module(module=Sharded)
    try:
        run = runner(tmp_path, table, restless(),
                     default_hooks=hooks(dict(interval=1)))
        run.model = Sharded(run.model)
        probe = next(h for h in run.hooks if isinstance(h, DequityProbe))
        _ = run.train_loop  # builds it
        probe.before_train(run)
        probe.before_train_iter(run, 0, toys.toy_batch(2))
    finally:
        del MODEL_WRAPPERS.module_dict['Sharded']
    assert run.model.module.calls == 0
    text = next(Path(run.log_dir).glob('*.log')).read_text()
    assert 'DequityProbe: cannot measure within Sharded' in text


def test_some_samples_of_a_batch():
    made = [item(i) for i in range(3)]
    batch = dict(inputs=dict(points=[m['inputs'] for m in made],
                             imgs=torch.arange(6).view(3, 2)),
                 data_samples=tuple(m['data_samples'] for m in made))
    part = take(batch, [2, 0])
    assert part['inputs']['points'] == [made[2]['inputs'], made[0]['inputs']]
    assert part['inputs']['imgs'].tolist() == [[4, 5], [0, 1]]
    assert part['data_samples'][0] is made[2]['data_samples']


@pytest.mark.parametrize('wrong', [
    dict(interval=0), dict(interval=1.5), dict(bounds=(0.5, 0.2)),
    dict(bounds=0.2)])
def test_arguments(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        DequityProbe(**wrong)


def test_no_equity_data_set(tmp_path, table):
    with pytest.raises(ValueError, match='DequityProbe.* wrap '
                       'train_dataloader.dataset'):
        train(tmp_path, table, restless(), {}, dequity=False,
              data=dict(loader(table), dataset=Toys(pipeline=[pack])))


@pytest.mark.parametrize('voxels', ['stock', 'legacy'])
def test_pointpillars(mini_kitti, tmp_path, voxels):
    """A whole detector; its legacy encoder writes into its voxels."""
    states = []
    for name in ('without', 'with'):
        cfg = load_config('pointpillars_dequity_mini_kitti', mini_kitti)
        cfg.model.voxel_encoder.legacy = voxels == 'legacy'
        cfg.train_cfg = dict(type='IterBasedTrainLoop', max_iters=3)
        for key in ('val', 'test'):
            for part in ('dataloader', 'cfg', 'evaluator'):
                cfg[f'{key}_{part}'] = None
        cfg.param_scheduler = []
        cfg.randomness = dict(seed=0)
        cfg.default_hooks.update(
            checkpoint=None, logger=dict(type='LoggerHook', interval=1))
        if name == 'with':
            cfg.default_hooks.probe = dict(type='DequityProbe', interval=1)
        cfg.work_dir = str(tmp_path / name)
        cfg.experiment_name = f'probe_{voxels}_{name}'
        # visualizers of one name are one in a process
        cfg.visualizer.name = cfg.experiment_name
        run = Runner.from_cfg(cfg)
        checked = Alone()
        run.register_hook(checked)
        run.train()
        states.append(run.model.state_dict())
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name
    probed, _ = measured(tmp_path / 'with')
    assert probed and checked.want.keys() >= probed.keys()
    for step, row in probed.items():
        got = {k: v for k, v in row.items() if k.startswith('dequity')}
        assert got == pytest.approx(checked.want[step], rel=1e-5)


class Alone(Hook):
    """The stock host's loss, by a copy that never saw equity."""
    priority = 'HIGHEST'

    def __init__(self):
        self.want = {}

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        from mmdet3d.registry import MODELS
        model = MODELS.build(runner.cfg.model).train()
        model.load_state_dict(runner.model.state_dict())
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d) or isinstance(
                    module, nn.BatchNorm1d):
                module.eval()
        samples = data_batch['data_samples']
        # the fixture's 12 likelihoods: 1 / 1 ... 1 / 12
        for name, ids in (('rare', lambda p: p < 1 / 10.5),
                          ('common', lambda p: p > 1 / 6.5)):
            rows = [i for i, s in enumerate(samples)
                    if ids(s.dequity_likelihood)]
            if rows:
                part = copy.deepcopy(dict(
                    inputs=dict(points=[data_batch['inputs']['points'][i]
                                        for i in rows]),
                    data_samples=[samples[i] for i in rows]))
                losses = model(**model.data_preprocessor(part, True),
                               mode='loss')
                self.want.setdefault(runner.iter + 1, {})[
                    f'dequity_loss_{name}'] = total_loss(losses).item()


def test_gradients_and_bookkeeping_stay():
    """In the middle of an accumulation, with equity attached."""
    from tests.plugin.test_regimes import attached
    model = restless()
    batch = toys.toy_batch(3, [0.5, 0.75, 1.0])
    loss = attached(model, copy.deepcopy(batch))
    total_loss(model(**copy.deepcopy(batch))).backward()
    gradients = [p.grad.clone() for p in model.parameters()]
    inputs = copy.deepcopy(batch['inputs'])
    loss_alone(model, batch, [0, 2])
    assert loss.take_used() == [0.5, 0.75, 1.0]
    for p, gradient in zip(model.parameters(), gradients):
        assert torch.equal(p.grad, gradient)
    assert all(map(torch.equal, batch['inputs'], inputs))
    assert model.norm.training
