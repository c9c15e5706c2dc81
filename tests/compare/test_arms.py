"""What an arm changes in a config, and nothing else."""
import pytest

Config = pytest.importorskip(
    'mmengine.config', reason='mmengine reads the config files').Config

from dequity_mmdet3d.compare.arm_names import parse_arm
from dequity_mmdet3d.compare.arms import arm_config
from dequity_mmdet3d.weighting.schedule import Schedule

BASE = dict(type='KittiDataset', ann_file='a.pkl')


def config(dataset=None, **kwargs):
    weighted = dict(type='DequityDataset', table='t.parquet', eta=1.0,
                   gamma=5.0, dataset=dict(type='RepeatDataset', times=2,
                                           dataset=BASE))
    return Config(dict(
        dict(
            train_dataloader=dict(
                batch_size=2,
                sampler=dict(type='DefaultSampler', shuffle=True),
                dataset=dataset or weighted),
            default_hooks=dict(
                timer=dict(type='IterTimerHook'),
                dequity=dict(type='DequityHook'))), **kwargs))


def made(text, cfg=None):
    return arm_config(cfg or config(), parse_arm(text))


def test_baseline_has_nothing_of_this_package():
    cfg = config()
    before = cfg.pretty_text
    arm = made('baseline', cfg)
    assert arm.train_dataloader.dataset == dict(
        type='RepeatDataset', times=2, dataset=BASE)
    assert arm.default_hooks == dict(timer=dict(type='IterTimerHook'))
    assert 'equity' not in arm.pretty_text
    assert cfg.pretty_text == before


@pytest.mark.parametrize('where', ['default_hooks', 'custom_hooks'])
@pytest.mark.parametrize('text', ['baseline', 'cbgs'])
def test_a_probe_measures_where_nothing_is_weighted(text, where):
    """It needs the likelihoods, which only the wrapper has."""
    cfg = config()
    probe = dict(type='DequityProbe')
    if where == 'default_hooks':
        cfg.default_hooks.probe = probe
    else:
        cfg.custom_hooks = [probe]
    dataset = cfg.train_dataloader.dataset
    arm = made(text, cfg)
    assert 'DequityHook' not in arm.pretty_text
    assert 'DequityProbe' in arm.pretty_text
    expected = dataset.to_dict()
    if text == 'cbgs':
        expected['dataset']['dataset'] = BALANCED
    assert arm.train_dataloader.dataset.to_dict() == expected


def test_equity_is_the_config_but_for_its_options():
    assert made('equity').pretty_text == config().pretty_text
    arm = made('equity:eta=0.5,gamma=2,normalize=mean')
    dataset = arm.train_dataloader.dataset
    assert (dataset.eta, dataset.gamma, dataset.normalize) == (0.5, 2, 'mean')
    assert made('equity:normalize=none').train_dataloader.dataset[
        'normalize'] is None


def test_sampling_changes_the_sampler_alone():
    arm = made('sampling')
    assert arm.train_dataloader.sampler == dict(type='DequitySampler')
    arm.train_dataloader.sampler = config().train_dataloader.sampler
    assert arm.pretty_text == config().pretty_text


def test_an_arm_may_have_a_table_of_its_own():
    arm = made('sampling:table=o/objects.parquet,eta=0.1')
    dataset = arm.train_dataloader.dataset
    assert (dataset.table, dataset.eta) == ('o/objects.parquet', 0.1)
    drawn = made('irfs+look:table=o.parquet').train_dataloader.dataset
    assert drawn.table == 'o.parquet'
    for text, why in (('rfs:table=o.parquet', 'uses no table'),
                      ('cbgs:table=o.parquet', 'has no weights to set table'),
                      ('equity:table=', 'table=FILE, but')):
        with pytest.raises(ValueError, match=why):
            parse_arm(text)


BALANCED = dict(type='mmdet3d.CBGSDataset', dataset=BASE)


def test_cbgs_stands_around_the_inmost():
    """RepeatDataset cannot tell the classes of a sample."""
    repeated = dict(type='RepeatDataset', times=2, dataset=BALANCED)
    assert made('cbgs').train_dataloader.dataset == repeated
    expected = config()
    expected.train_dataloader.dataset.dataset = repeated
    assert made('equity+cbgs').to_dict() == expected.to_dict()
    both = config(dict(type='DequityDataset', table='t', dataset=dict(
        type='ConcatDataset', datasets=[BASE, BASE])))
    with pytest.raises(ValueError, match='trains on 2 together .Concat'):
        made('cbgs', both)


@pytest.mark.parametrize('text, settings', [
    ('rfs:t=0.2', dict(content='rfs', form='none', t=0.2)),
    ('irfs', dict(content='irfs', form='none')),
    ('irfs+look:gamma=2', dict(content='irfs', gamma=2)),
    ('rfs+look:form=effective,beta=0.9',
     dict(content='rfs', form='effective', beta=0.9)),
    ('sampling:content=inverse', dict(content='inverse')),
])
def test_draws_by_classes(text, settings):
    arm = made(text)
    expected = made('sampling')
    expected.train_dataloader.dataset.update(settings)
    assert arm.to_dict() == expected.to_dict()


@pytest.mark.parametrize('text, settings', [
    ('equity:form=effective,beta=0.999', dict(form='effective', beta=0.999)),
    ('equity:content=rfs,form=none,t=0.3',
     dict(content='rfs', form='none', t=0.3)),
    ('equity:content=none', dict(content=None)),
])
def test_weights_of_other_forms(text, settings):
    expected = config()
    expected.train_dataloader.dataset.update(settings)
    assert made(text).to_dict() == expected.to_dict()


def test_rfs_and_cbgs():
    arm = made('rfs+cbgs')
    assert arm.train_dataloader.dataset.dataset.dataset == BALANCED
    assert arm.train_dataloader.sampler.type == 'DequitySampler'


def test_a_config_without_a_table():
    cfg = config(dict(type='DequityDataset', content='irfs', dataset=BASE))
    assert made('equity', cfg).pretty_text == cfg.pretty_text
    assert made('baseline', cfg).train_dataloader.dataset == BASE
    assert made('rfs', cfg).train_dataloader.dataset['content'] == 'rfs'
    for text in ('rfs+look', 'equity:form=effective'):
        with pytest.raises(ValueError, match='of arm .* likelihood table'):
            made(text, cfg)


def test_look_where_the_config_has_none():
    cfg = config()
    cfg.train_dataloader.dataset.update(form='none', content='rfs')
    assert made('rfs+look', cfg).train_dataloader.dataset.form == 'equity'


@pytest.mark.parametrize('text, message', [
    ('rfs:beta=0.5', "beta of arm 'rfs:beta=0.5' belongs to"),
    ('rfs:eta=1', 'eta of arm .* belongs to'),
    ('equity:t=0.3', 't of arm .* belongs to'),
    ('equity:form=inverse,gamma=2', 'gamma of arm .* belongs to'),
    ('equity:form=none', 'from a likelihood table or from classes'),
])
def test_a_number_that_nothing_uses(text, message):
    with pytest.raises(ValueError, match=message):
        made(text)


def test_nested_and_concatenated_and_full_names():
    part = dict(type='dequity_mmdet3d.plugin.DequityDataset', table='t',
                dataset=BASE)
    cfg = config(
        dict(type='ConcatDataset', datasets=[part, dict(part, eta=2.0)]),
        default_hooks=dict(timer=dict(type='IterTimerHook')),
        custom_hooks=[dict(type='Other'),
                      dict(type='dequity_mmdet3d.plugin.DequityHook')])
    arm = made('baseline', cfg)
    assert arm.train_dataloader.dataset.datasets == [BASE, BASE]
    assert arm.custom_hooks == [dict(type='Other')]
    arm = made('equity:eta=3', cfg)
    assert [d.eta for d in arm.train_dataloader.dataset.datasets] == [3, 3]


@pytest.mark.parametrize('text, message', [
    ('equaty', 'an arm is one of baseline, equity'),
    ('equity+equity', 'an arm is one of'),
    ('', 'an arm is one of'),
    ('equity+sampling', 'excludes each other'),
    ('baseline+cbgs', 'excludes each other'),
    ('cbgs:eta=1', 'has no weights to set eta of'),
    ('rfs:t=0.3,t=0.4', 'sets an option twice'),
    ('rfs:', 'options of an arm are'),
    ('equity:eta', "options of an arm are eta=NUMBER.*has 'eta'"),
    ('equity:eta=x', 'options of an arm are'),
    ('equity:delta=1', 'options of an arm are'),
    ('equity:eta=-1', 'eta'),
    ('equity:gamma=nan', 'gamma'),
    ('equity:normalize=max', 'normalize'),
    ('equity:form=x', 'form of arm'),
    ('equity:content=x', 'content of arm'),
    ('equity:form=', 'options of an arm are'),
    ('rfs:t=0', 't of arm'),
    ('equity:form=effective,beta=1', 'beta of arm'),
    ('rfs+irfs', 'excludes each other'),
    ('equity+rfs', 'excludes each other'),
    ('look', 'excludes each other'),
    ('equity+look', 'excludes each other'),
    ('rfs:content=irfs', 'is drawn by rfs'),
    ('rfs:form=equity', 'is drawn by rfs'),
    ('cbgs:content=rfs', 'has no weights to set content of'),
    ('sampling:power=0', 'power of arm'),
    ('sampling:power=2', 'power of arm'),
    ('equity:power=0.5', 'draws no samples'),
    ('equity:from=0.5,until=0.5', 'fractions of the training'),
    ('equity:until=1.5', 'fractions of the training'),
    ('sampling:from=0.5', 'cannot begin or end'),
    ('equity:content=rfs,from=0.5', 'cannot begin or end'),
])
def test_no_arm(text, message):
    with pytest.raises(ValueError, match=message):
        parse_arm(text)


def test_a_part_of_the_weights_is_drawn():
    arm = made('sampling:power=0.5,eta=0.1')
    assert arm.train_dataloader.sampler == dict(type='DequitySampler',
                                                power=0.5)
    assert arm.train_dataloader.dataset.eta == 0.1
    assert 'power' not in arm.train_dataloader.dataset
    assert made('irfs+look:power=1').train_dataloader.sampler == dict(
        type='DequitySampler')


def test_equity_for_a_part_of_the_training():
    """Read back as the loss reads it: gamma 0 is a weight of 1."""
    cfg = config(train_cfg=dict(type='IterBasedTrainLoop', max_iters=100))
    late = made('equity:from=0.5', cfg).default_hooks.dequity.loss
    late.pop('normalize')
    schedule = Schedule(**late.schedule)
    assert schedule.by == 'iter'
    assert [schedule.at(t)['gamma'] for t in (0, 50, 51, 100)] == [
        0, 0, 5, 5]
    cfg = config(train_cfg=dict(by_epoch=True, max_epochs=3))
    cfg.train_dataloader.dataset.update(gamma=2.0, normalize='mean')
    early = made('equity:until=0.5', cfg).default_hooks.dequity.loss
    assert early.normalize == 'mean'
    schedule = Schedule(**early.schedule)
    assert schedule.by == 'epoch'
    assert [schedule.at(t)['gamma'] for t in (0, 1.5, 1.6, 3)] == [2, 2, 0, 0]
    middle = Schedule(**made('equity:from=0.2,until=0.8', cfg)
                      .default_hooks.dequity.loss.schedule)
    assert [middle.at(t)['gamma'] for t in (0.5, 1, 2, 2.5)] == [0, 2, 2, 0]
    # all of it is the config as it is
    assert 'loss' not in made('equity:from=0', cfg).default_hooks.dequity


def test_no_part_of_a_training():
    with pytest.raises(ValueError, match='needs max_iters or max_epochs'):
        made('equity:from=0.5', config(train_cfg=dict(by_epoch=True)))
    cfg = config(train_cfg=dict(by_epoch=True, max_epochs=2))
    cfg.default_hooks.dequity.loss = dict(schedule=dict(gamma=[(0, 0)]))
    with pytest.raises(ValueError, match='own schedule'):
        made('equity:from=0.5', cfg)


def test_config_that_is_not_weighted():
    with pytest.raises(ValueError, match='no DequityDataset'):
        made('baseline', config(BASE))
    with pytest.raises(ValueError, match='no DequityHook'):
        made('baseline', config(default_hooks=dict()))


def test_unweighted_arm_at_any_depth():
    inner = dict(type='DequityDataset', table='t', dataset=dict(
        type='CBGSDataset', dataset=dict(
            type='DequityDataset', table='u', dataset=BASE)))
    cfg = config(dict(type='RepeatDataset', times=2, dataset=inner))
    assert made('baseline', cfg).train_dataloader.dataset == dict(
        type='RepeatDataset', times=2,
        dataset=dict(type='CBGSDataset', dataset=BASE))
    # below the wrapper that goes
    with pytest.raises(ValueError, match='has it already'):
        made('cbgs', cfg)


def test_cbgs_twice():
    cfg = config()
    cfg.train_dataloader.dataset = dict(
        type='CBGSDataset', dataset=cfg.train_dataloader.dataset)
    with pytest.raises(ValueError, match='has it already'):
        made('equity+cbgs', cfg)


def test_hook_with_weights_of_its_own():
    cfg = config()
    cfg.default_hooks.dequity.loss = dict(type='DequityLoss', eta=2.0)
    made('equity', cfg)
    made('equity:gamma=2', cfg)
    with pytest.raises(ValueError, match='sets eta, but the loss.*own eta'):
        made('equity:eta=1', cfg)
    cfg.default_hooks.dequity.loss = dict(schedule=dict(gamma=[(0, 0)]))
    with pytest.raises(ValueError, match='own schedule'):
        made('equity:gamma=2', cfg)
    cfg.default_hooks.dequity.loss = dict(gamma=2.0)
    with pytest.raises(ValueError, match='sets content, but .*own gamma'):
        made('equity:content=rfs', cfg)
    made('rfs', cfg)  # beside draws the hook does nothing


def test_folders_are_file_names():
    names = ['equity', 'equity:eta=0.5,gamma=2', 'equity+cbgs', 'irfs+look',
             'rfs:t=0.3', 'equity:form=sqrt-inverse']
    folders = [parse_arm(name).folder for name in names]
    assert folders == ['equity', 'equity_eta=0.5,gamma=2', 'equity+cbgs',
                       'irfs+look', 'rfs_t=0.3', 'equity_form=sqrt-inverse']


@pytest.mark.parametrize('spelled', [
    'DequitySampler', 'dequity_mmdet3d.plugin.DequitySampler'])
def test_a_config_that_samples_already(spelled):
    """As dequity train --sampler leaves it: each arm is what it is called."""
    cfg = config()
    cfg.train_dataloader.sampler = dict(type=spelled, seed=3)
    plain = dict(type='DefaultSampler', shuffle=True, seed=3)
    assert made('equity', cfg).train_dataloader.sampler == plain
    arm = made('baseline', cfg)
    assert arm.train_dataloader.sampler == plain
    assert 'Dequity' not in arm.pretty_text
    assert made('sampling', cfg).train_dataloader.sampler == dict(
        type='DequitySampler')
