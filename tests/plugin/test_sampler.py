"""Rare samples are drawn more often, and reproducibly."""
import numpy as np
import pytest
import torch
from mmdet3d.registry import DATA_SAMPLERS, DATASETS
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from dequity_mmdet3d.class_content import sample_factors
from dequity_mmdet3d.compare.arm_names import parse_arm
from dequity_mmdet3d.compare.arms import arm_config
from dequity_mmdet3d.plugin import DequitySampler
from dequity_mmdet3d.plugin.sampler import draws_by_weights
from dequity_mmdet3d.plugin.walk import epoch_weights
from dequity_mmdet3d.weight import dequity_weight
from dequity_mmdet3d.weighting.draw import expected_counts, systematic_draw
from tests.helpers import ROOT
from tests.plugin.helpers import label_counts, load_config
from tests.plugin.test_dataset import frame_of, wrap


class Weighted(torch.utils.data.Dataset):
    """The least that the sampler needs of a DequityDataset."""

    metainfo = dict()

    def __init__(self, weight):
        self.weight = np.array(weight, dtype=float)

    def __len__(self):
        return len(self.weight)

    def __getitem__(self, idx):
        return dict(index=torch.tensor(float(idx)))


class FixedRng:
    """In place of numpy's: nothing is permuted, the offset is known."""

    def __init__(self, offset):
        self.offset = offset

    def permutation(self, x):
        return np.arange(x) if np.ndim(x) == 0 else x

    def random(self):
        return self.offset


# w = 1, 2, 5 and 4 draws: e = 0.5, 1, 2.5. Items 1 and 2 come once and
# twice for sure; the halves of items 0 and 2 share the fourth draw.
@pytest.mark.parametrize('offset, expected', [(0, [0, 1, 2, 2]),
                                              (0.3, [0, 1, 2, 2]),
                                              (0.5, [1, 2, 2, 2]),
                                              (0.9, [1, 2, 2, 2])])
def test_small_example(offset, expected):
    draw = systematic_draw([1, 2, 5], 4, FixedRng(offset))
    assert draw.tolist() == expected


def test_small_example_at_random():
    """Each of the two outcomes in half of the draws."""
    draws = [
        sorted(systematic_draw([1, 2, 5], 4, np.random.default_rng(i)))
        for i in range(1000)
    ]
    first = draws.count([0, 1, 2, 2])
    assert draws.count([1, 2, 2, 2]) == 1000 - first
    assert abs(first - 500) < 5 * np.sqrt(1000 / 4)  # 5 sigma


@pytest.mark.parametrize('n', [0, 1, 7, 1000, 1001, 5000])
@pytest.mark.parametrize('exponent', [0, 1, 10])
def test_floor_or_ceil(n, exponent):
    rng = np.random.default_rng(n + exponent)
    weights = rng.random(1000)**exponent
    weights[::7] = 0
    e = n * weights / weights.sum()
    for _ in range(20):
        draw = systematic_draw(weights, n, rng)
        count = np.bincount(draw, minlength=1000)
        assert len(draw) == count.sum() == n
        assert (count >= np.floor(e - 1e-9)).all()
        assert (count <= np.ceil(e + 1e-9)).all()
        assert not count[::7].any()


@pytest.mark.parametrize('weight', [0.1, 1 / 3, 1e-300, 1e308])
def test_equal_weights_are_a_plain_shuffle(weight):
    """In spite of rounding, and of sums outside the range of floats."""
    for seed in range(10):
        draw = systematic_draw(
            np.full(10007, weight), 10007, np.random.default_rng(seed))
        assert sorted(draw) == list(range(10007))
        assert (draw[:-1] > draw[1:]).mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize('offset', [0, 1 - 2**-53])
def test_offsets_at_the_ends(offset):
    """As many draws, and none of weight 0, where rounding bites."""
    weights = [0] + [0.7, 1.9] * 1000 + [0, 0]
    draw = systematic_draw(weights, 999, FixedRng(offset))
    assert len(draw) == 999
    assert draw.min() > 0 and draw.max() <= 2000


def test_mean_over_many_epochs():
    """Counts are n w_i / sum(w) on average, within 5 sigma.

    The count of an item is floor(e) or one more, with probability
    f = e - floor(e): over T epochs its sum has the variance T f (1 - f).
    """
    epochs = 2000
    weights = np.random.default_rng(5).random(40)**3
    e = expected_counts(weights, 40)
    sampler = DequitySampler(Weighted(weights), seed=3)
    total = np.zeros(40)
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        total += np.bincount(list(sampler), minlength=40)
    f = e - np.floor(e)
    bound = 5 * np.sqrt(epochs * f * (1 - f))
    assert (abs(total - epochs * e) <= bound).all()
    # and they tell rare from common
    assert e.max() > 2 and e.min() < 0.1


def test_only_ratios_count():
    weights = np.random.default_rng(1).random(50)
    draws = [
        systematic_draw(weights * scale, 50, np.random.default_rng(2)).tolist()
        for scale in (1, 0.25, 1024)
    ]
    assert draws[0] == draws[1] == draws[2]


@pytest.mark.parametrize('weights, words', [
    ([0, 0, 0], 'all 3 are 0.*raise eta'),
    ([], 'all 0 are 0.*not empty'),
    ([1, -0.5, 2], r'1 of 3 are negative, first weights\[1\] = -0.5'),
    ([1, 2, np.nan], r'1 of 3 are not finite, first weights\[2\] = nan'),
    ([np.inf, 1], r'not finite, first weights\[0\] = inf'),
    ([[1, 2]], r'shape \(1, 2\)'),
])
def test_weights_that_cannot_be_drawn_from(weights, words):
    with pytest.raises(ValueError, match=words):
        DequitySampler(Weighted(weights), seed=0)


def test_shuffle_is_not_a_choice():
    DequitySampler(Weighted([1, 2]), shuffle=True, seed=0)
    with pytest.raises(ValueError, match='shuffle=False.*DefaultSampler'):
        DequitySampler(Weighted([1, 2]), shuffle=False, seed=0)


@pytest.mark.parametrize('power', [0, -1, 1.5, True, 'a', float('nan')])
def test_power_out_of_range(power):
    with pytest.raises(ValueError, match='power of DequitySampler'):
        DequitySampler(Weighted([1, 2]), power=power)


def test_a_part_of_the_weights_is_drawn():
    """By roots: 1, 2 and 3 of 6, so each a whole number of times."""
    sampler = DequitySampler(Weighted([1, 4, 9, 0, 0, 0]), seed=0, power=0.5)
    assert np.bincount(list(sampler), minlength=6).tolist() == [
        1, 2, 3, 0, 0, 0]
    assert not draws_by_weights(sampler)
    assert draws_by_weights(DequitySampler(Weighted([1, 4])))


def test_log(monkeypatch):
    """w = 1, 2, 5: e = 0.375, 0.75, 1.875, so 2.125 distinct items."""
    lines = []
    monkeypatch.setattr('dequity_mmdet3d.plugin.sampler.print_log',
                        lambda text, logger: lines.append(text))
    DequitySampler(Weighted([1, 2, 5]), seed=0)
    assert lines == [
        'DequitySampler: 3 draws an epoch, of about 2 distinct items; '
        'expected count of an item 0.3750 to 1.8750'
    ]


def ranks(monkeypatch, world_size, weights, **kwargs):
    """The samplers of all processes."""
    samplers = []
    for rank in range(world_size):
        monkeypatch.setattr('mmengine.dataset.sampler.get_dist_info',
                            lambda rank=rank: (rank, world_size))
        samplers.append(DequitySampler(Weighted(weights), **kwargs))
    return samplers


@pytest.mark.parametrize('world_size', [1, 2, 3, 5])
@pytest.mark.parametrize('round_up', [True, False])
def test_processes_share_one_draw(monkeypatch, world_size, round_up):
    """Interleaved, their indices are those of one process."""
    weights = np.random.default_rng(0).random(10)
    one, = ranks(monkeypatch, 1, weights, seed=4)
    several = ranks(
        monkeypatch, world_size, weights, seed=4, round_up=round_up)
    for epoch in (0, 1):
        for sampler in [one, *several]:
            sampler.set_epoch(epoch)
        draw, parts = list(one), [list(s) for s in several]
        assert [len(part) for part in parts] == [len(s) for s in several]
        if round_up:
            assert len({len(part) for part in parts}) == 1
            draw = (draw * 2)[:len(parts) * len(parts[0])]
        union = [None] * len(draw)
        for rank, part in enumerate(parts):
            union[rank::world_size] = part
        assert union == draw


def test_more_processes_than_samples(monkeypatch):
    parts = [list(s) for s in ranks(monkeypatch, 7, [1, 1], seed=0)]
    assert all(len(part) == 1 for part in parts)
    assert parts[0] == parts[2] == parts[4] and parts[0] != parts[1]


def test_seed_is_that_of_all_processes(monkeypatch):
    monkeypatch.setattr('mmengine.dataset.sampler.sync_random_seed',
                        lambda: 7)
    assert DequitySampler(Weighted([1, 2])).seed == 7


def test_epochs_and_seeds_differ():
    draws = set()
    for seed in range(3):
        sampler = DequitySampler(Weighted(np.ones(50)), seed=seed)
        for epoch in range(3):
            sampler.set_epoch(epoch)
            assert list(sampler) == list(sampler)
            draws.add(tuple(sampler))
    assert len(draws) == 9  # (seed, epoch) is not seed + epoch


# ---- the weights of a data set


@pytest.fixture
def table(mini_kitti):
    return str(mini_kitti / 'kitti_likelihoods.parquet')


def equity(base_config, table, **kwargs):
    return dict(
        type='DequityDataset', table=table, dataset=base_config, **kwargs)


def weights_of_items(dataset):
    """What each item says itself."""
    return [
        dataset.get_data_info(i)['dequity_weight']
        for i in range(len(dataset))
    ]


@pytest.mark.parametrize('kind',
                         ['none', 'repeat', 'concat', 'cbgs', 'balanced'])
@pytest.mark.parametrize('place', ['over', 'under'])
def test_weights_through_each_wrapper(base_config, table, kind, place):
    np.random.seed(0)  # CBGSDataset draws from the global state
    if place == 'over':
        cfg = equity(wrap(kind, base_config), table)
    else:
        cfg = wrap(kind, equity(base_config, table))
    dataset = DATASETS.build(cfg)
    sampler = DequitySampler(dataset, seed=0)
    np.testing.assert_array_equal(sampler.weights, weights_of_items(dataset))
    assert len(sampler) == len(dataset)
    assert set(sampler) <= set(range(len(dataset)))


def test_weights_through_several_wrappers(base_config, table):
    """Two halves with weights of their own, one of them repeated."""
    half = [dict(base_config, indices=list(i))
            for i in (range(6), range(6, 12))]
    dataset = DATASETS.build(
        dict(
            type='ConcatDataset',
            datasets=[
                equity(half[0], table),
                dict(
                    type='RepeatDataset',
                    times=2,
                    dataset=equity(half[1], table, eta=0, gamma=2))
            ]))
    p = 1 / np.arange(1, 13)
    expected = np.concatenate([
        dequity_weight(p[:6]),
        dequity_weight(p[6:], 0, 2),
        dequity_weight(p[6:], 0, 2)
    ])
    np.testing.assert_array_equal(epoch_weights(dataset), expected)
    np.testing.assert_array_equal(weights_of_items(dataset), expected)


def test_lazy_data_set(base_config, table):
    base_config.lazy_init = True
    dataset = DATASETS.build(equity(base_config, table, lazy_init=True))
    assert len(DequitySampler(dataset, seed=0)) == 12


@pytest.mark.parametrize('kind', ['none', 'repeat'])
def test_data_set_without_equity(base_config, kind):
    dataset = DATASETS.build(wrap(kind, base_config))
    with pytest.raises(
            ValueError, match='KittiDataset of .*wrap train_dataloader'):
        DequitySampler(dataset, seed=0)


def test_one_of_two_without_equity(base_config, table):
    cfg = wrap('concat', equity(base_config, table))
    cfg['datasets'].append(base_config)
    with pytest.raises(ValueError, match='KittiDataset of .*no Dequity'):
        DequitySampler(DATASETS.build(cfg), seed=0)


def test_wrapper_that_does_not_tell():

    class Opaque:
        dataset = Weighted([1, 2])

        def __len__(self):
            return 2

    with pytest.raises(ValueError, match='Opaque.*_get_ori_dataset_idx'):
        DequitySampler(Opaque(), seed=0)


# ---- in a training


class Seen(Hook):
    """Notes the indices of each step; may be interrupted after an epoch."""

    priority = 'VERY_LOW'  # after the checkpoint

    def __init__(self, stop_after=None):
        self.indices, self.stop_after = [], stop_after

    def after_train_iter(self, runner, batch_idx, data_batch=None,
                         outputs=None):
        self.indices += data_batch['index'].tolist()

    def after_train_epoch(self, runner):
        if runner.epoch + 1 == self.stop_after:
            raise KeyboardInterrupt


class OneNumber(BaseModel):

    def __init__(self):
        super().__init__()
        self.number = torch.nn.Parameter(torch.zeros(1))

    def forward(self, index, mode='tensor'):
        return dict(loss=self.number * index.mean())


WEIGHT = np.random.default_rng(8).random(11)**2


def tiny_run(work_dir, train_cfg, stop_after=None, workers=0, **kwargs):
    """The indices that a training sees."""
    seen = Seen(stop_after)
    interval = train_cfg.pop('save', 1)
    runner = Runner(
        OneNumber(),
        str(work_dir),
        train_dataloader=dict(
            batch_size=2,
            num_workers=workers,
            persistent_workers=workers > 0,
            collate_fn=dict(type='default_collate'),
            sampler=dict(type='DequitySampler', shuffle=True),
            dataset=Weighted(WEIGHT)),
        train_cfg=train_cfg,
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        default_hooks=dict(
            checkpoint=dict(
                type='CheckpointHook',
                interval=interval,
                by_epoch=train_cfg['by_epoch'])),
        custom_hooks=[seen],
        default_scope='mmdet3d',
        randomness=dict(seed=5),
        experiment_name=f'{work_dir.name}_{len(list(work_dir.rglob("*")))}',
        **kwargs)
    try:
        runner.train()
    except KeyboardInterrupt:
        pass
    return seen.indices


def draws(epochs):
    """The same by hand: what the sampler of seed 5 draws."""
    return np.concatenate([
        systematic_draw(WEIGHT, 11, np.random.default_rng((5, k)))
        for k in range(epochs)
    ]).tolist()


@pytest.mark.parametrize('workers', [0, 1])
def test_resumed_training_goes_on_with_the_same_draws(tmp_path, workers):
    cfg = dict(by_epoch=True, max_epochs=3)
    whole = tiny_run(tmp_path / 'whole', dict(cfg), workers=workers)
    assert whole == draws(3)
    first = tiny_run(tmp_path / 'part', dict(cfg), 1, workers)
    assert first == whole[:11]
    rest = tiny_run(tmp_path / 'part', dict(cfg), None, workers, resume=True)
    assert rest == whole[11:]


def test_training_by_iterations(tmp_path, monkeypatch):
    """mmengine's endless iterator makes each pass an epoch of its own.

    5 full batches and one of 1 are a pass: 15 steps are 2.5 passes.
    """
    monkeypatch.setattr('mmengine.runner.loops.time.sleep', lambda s: None)
    cfg = dict(by_epoch=False, max_iters=15, save=7)
    whole = tiny_run(tmp_path / 'whole', dict(cfg))
    assert whole == draws(3)[:28]  # 11 + 11 + 3 * 2
    tiny_run(tmp_path / 'part', dict(cfg, max_iters=7))
    rest = tiny_run(tmp_path / 'part', dict(cfg), resume=True)
    assert rest == whole[13:]  # 6 steps of the first pass, 1 of the second


SWITCH = '''
_base_ = ['{base}']
train_dataloader = dict(sampler=dict(type='DequitySampler'))
'''


def switched(tmp_path, base):
    file = tmp_path / 'switched.py'
    file.write_text(SWITCH.format(base=ROOT / 'configs' / f'{base}.py'))
    return Config.fromfile(file)


@pytest.mark.parametrize('base', [
    'pointpillars_dequity_kitti', 'pointpillars_dequity_nuscenes',
    'second_dequity_kitti'
])
def test_one_line_in_a_config(tmp_path, base):
    cfg = switched(tmp_path, base)
    sampler = cfg.train_dataloader.sampler
    assert sampler.type == 'DequitySampler' and sampler.shuffle is True
    assert cfg.train_dataloader.dataset.type == 'DequityDataset'
    assert cfg.default_hooks.dequity.type == 'DequityHook'
    init_default_scope('mmdet3d')
    built = DATA_SAMPLERS.build(
        sampler, default_args=dict(dataset=Weighted([1, 3]), seed=0))
    assert isinstance(built, DequitySampler)


class Frames(Hook):
    """Notes the frames, losses and weights of a training.

    Args:
        weights (np.ndarray): (12,) that frames 4 to 15 must have.
    """

    def __init__(self, weights):
        self.frames, self.losses, self.weights = [], [], weights

    def after_train_iter(self, runner, batch_idx, data_batch=None,
                         outputs=None):
        for sample in data_batch['data_samples']:
            frame = frame_of(sample)
            self.frames.append(frame)
            assert sample.dequity_weight == pytest.approx(
                self.weights[frame - 4], rel=1e-14)
        self.losses.append(outputs['loss'].item())


def train_pointpillars(cfg, work_dir, epochs, weights):
    """Train on mini KITTI.

    Returns:
        list[np.ndarray]: (12,) how often each frame was seen, by epoch.
    """
    cfg.train_cfg = dict(by_epoch=True, max_epochs=epochs)
    for key in ('val_cfg', 'val_dataloader', 'val_evaluator', 'test_cfg',
                'test_dataloader', 'test_evaluator'):
        cfg[key] = None
    cfg.work_dir = str(work_dir)
    cfg.randomness = dict(seed=2)
    runner = Runner.from_cfg(cfg)
    seen = Frames(weights)
    runner.register_hook(seen)
    runner.train()
    assert len(seen.frames) == 12 * epochs
    assert len(seen.losses) == 3 * epochs and np.isfinite(seen.losses).all()
    return [np.bincount(epoch, minlength=16)[4:]
            for epoch in np.split(np.array(seen.frames), epochs)]


def test_pointpillars(mini_kitti, tmp_path):
    """Two epochs on mini KITTI in which common frames are drawn less."""
    cfg = load_config('pointpillars_dequity_mini_kitti', mini_kitti)
    switch = switched(tmp_path, 'pointpillars_dequity_mini_kitti')
    cfg.train_dataloader.sampler = switch.train_dataloader.sampler
    cfg.default_hooks = switch.default_hooks
    cfg.train_dataloader.dataset.eta = 0.0  # frame 4 has p = 1, weight 0
    weights = dequity_weight(1 / np.arange(1, 13), 0, 5)
    e = 12 * weights / weights.sum()
    for count in train_pointpillars(cfg, tmp_path / 'work', 2, weights):
        assert count[0] == 0
        assert (count >= np.floor(e)).all() and (count <= np.ceil(e)).all()


@pytest.mark.parametrize('arm', [
    'rfs:t=1', 'equity:form=effective,beta=0.9,normalize=mean'])
def test_arms_of_classes_and_counts_train(mini_kitti, tmp_path, arm):
    cfg = arm_config(
        load_config('pointpillars_dequity_mini_kitti', mini_kitti),
        parse_arm(arm))
    if arm.startswith('rfs'):
        classes = cfg.train_dataloader.dataset.dataset.dataset.metainfo.classes
        weights = sample_factors(
            label_counts(mini_kitti, classes), 'rfs', t=1.0)
    else:  # 12 p frames look alike
        weights = 0.1 / (1 - 0.9**(12 / np.arange(1, 13)))
        weights /= weights.mean()
    count, = train_pointpillars(cfg, tmp_path, 1, weights)
    if arm.startswith('rfs'):
        e = 12 * weights / weights.sum()
        assert np.ptp(e) > 0.1
        assert (count >= np.floor(e)).all() and (count <= np.ceil(e)).all()
    else:
        assert (count == 1).all()
