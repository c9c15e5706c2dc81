"""What the plugin mends in the host, seen to hold."""
import contextlib
import logging
import subprocess
import sys
import types
from pickle import UnpicklingError

import numpy as np
import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.config.lazy import LazyObject
from mmengine.hooks import CheckpointHook
from mmengine.logging import HistoryBuffer

from dequity_mmdet3d.plugin import checkpoints, compat, host_mends, mend_host
from dequity_mmdet3d.plugin.checkpoints import what_is_refused
from tests.helpers import ROOT, save_table

NAMES = ['numpy.long', "spconv's CUDA stream", "spconv's threads",
         "kitti_eval's rotated IoU", 'torch.load',
         "mmengine's CheckpointHook", "numba's compiled code"]


@pytest.mark.skipif(
    torch.cuda.is_available(), reason='spconv is left alone with CUDA')
def test_spconv_repeats_itself_on_several_threads():
    """Its threads race otherwise: 5 % from call to call on two cores."""
    spconv = pytest.importorskip('spconv.pytorch')
    rng = np.random.default_rng(0)
    voxels = np.unique(rng.integers(0, [2, 20, 100, 100], (20000, 4)), axis=0)
    torch.manual_seed(0)
    features = torch.randn(len(voxels), 16, requires_grad=True)
    net = spconv.SparseSequential(
        spconv.SubMConv3d(16, 16, 3, padding=1),
        spconv.SparseConv3d(16, 32, 3, 2, padding=1))

    def run():
        x = spconv.SparseConvTensor(features,
                                    torch.from_numpy(voxels).int(),
                                    [20, 100, 100], 2)
        out = net(x).features
        return [
            out, *torch.autograd.grad(out.square().sum(),
                                      [features, *net.parameters()])
        ]

    threads = torch.get_num_threads()
    first = run()
    for _ in range(3):
        for a, b in zip(first, run()):
            assert torch.equal(a, b)
    assert torch.get_num_threads() == threads


def test_numpy_long():
    assert np.arange(2, dtype=np.long).dtype == np.int64


def test_mending_twice_changes_nothing():
    ops = pytest.importorskip('spconv.pytorch.ops')
    before = ops.indice_conv
    assert mend_host() == []
    assert ops.indice_conv is before


def test_what_is_needed_is_mended():
    found = host_mends()
    assert [m.name for m in found] == NAMES
    for mend in found:
        assert mend.why and mend.applied == mend.needed, mend


def test_doctor_names_what_is_mended_here_and_why():
    from dequity_mmdet3d.commands.doctor import _plugin
    text = _plugin().text
    for mend in host_mends():
        assert (f'{mend.name}: {mend.why}' in text) == mend.needed


def test_a_place_that_works_is_left_alone(monkeypatch):
    monkeypatch.setattr(torch, '__version__',
                        type(torch.__version__)('2.5.1'))
    monkeypatch.setattr(compat, '_kitti', lambda: Works)
    monkeypatch.setattr(np, 'long', np.int64)  # as numpy 2 has it
    needed = {m.name for m in host_mends() if m.needed}
    assert not needed & {'numpy.long', 'torch.load',
                         "kitti_eval's rotated IoU"}


class Works:
    """KITTI's evaluation where numba finds CUDA."""

    def host_can_run():
        return True

    def in_use():
        return False


@pytest.mark.skipif('long' in vars(np) and np.long is not int,
                    reason='this numpy has np.long')
def test_says_what_it_mends_and_why(monkeypatch):
    said = []
    monkeypatch.setattr(compat, 'print_log', lambda line, logger:
                        said.append(line))
    for quiet in (False, True):
        monkeypatch.delattr(np, 'long')
        mended = mend_host(quiet=quiet)
        assert [m.name for m in mended] == ['numpy.long']
        assert mended[0].needed and mended[0].applied and np.long is int
    assert len(said) == 1
    assert 'numpy.long' in said[0] and 'ObjectSample asks for it' in said[0]
    # of several processes that a launcher started the first one says it
    monkeypatch.setenv('RANK', '1')
    monkeypatch.delattr(np, 'long')
    assert len(mend_host()) == 1 == len(said)


@pytest.mark.parametrize('full', [False, True])
def test_a_checkpoint_goes_when_the_next_one_is_there(tmp_path, full):
    """So that there is one whatever happens while the next is written."""
    mend_host()
    there = []

    class Runner:
        work_dir = str(tmp_path)
        logger = logging.getLogger('test')
        message_hub = types.SimpleNamespace(
            update_info=lambda *a: None, runtime_info={})

        def save_checkpoint(self, folder, name, *args, **kwargs):
            there.append(sorted(p.name for p in tmp_path.glob('*.pth')))
            (tmp_path / name).write_bytes(b'x')
            if full and len(there) == 3:
                raise OSError(28, 'No space left on device')

    hook = CheckpointHook(by_epoch=False, max_keep_ckpts=1)
    hook.before_train(Runner())
    for step in (2, 4):
        hook._save_checkpoint_with_step(Runner(), step, meta={})
    with pytest.raises(OSError) if full else contextlib.nullcontext():
        hook._save_checkpoint_with_step(Runner(), 6, meta={})
    assert there == [[], ['iter_2.pth'], ['iter_4.pth']]
    assert sorted(p.name for p in tmp_path.glob('*.pth')) == (
        ['iter_4.pth', 'iter_6.pth'] if full else ['iter_6.pth'])
    last = (tmp_path / 'last_checkpoint').read_text()
    assert last == str(tmp_path / f'iter_{4 if full else 6}.pth')


UNTOUCHED = '''
import os, sys, traceback
import numpy, torch
from mmdet3d.evaluation.functional.kitti_utils import eval as host

def state():
    return ('long' in vars(numpy), host.bev_box_overlap,
            len(torch.serialization.get_safe_globals()))

before = state()
from dequity_mmdet3d import plugin
assert state() == before
assert not any(m.applied for m in plugin.host_mends())
assert state() == before
needed = {m.name for m in plugin.host_mends() if m.needed}
for name, code in BUILDS.items():
    if os.fork() == 0:
        # a process that has imported what one has, and nothing else
        try:
            exec(code)
            assert {m.name for m in plugin.host_mends()
                    if m.applied} == needed != set()
            print('fine', name, flush=True)
        except BaseException:
            traceback.print_exc()
        os._exit(0)
    os.wait()
'''
BUILDS = dict(
    call='plugin.mend_host()',
    hook='plugin.DequityHook()',
    probe='plugin.DequityProbe()',
    # a data set that exists
    dataset='''
from mmdet3d.utils import register_all_modules
register_all_modules()
plugin.DequityDataset(
    dict(type='KittiDataset', data_root='x', ann_file='y', lazy_init=True),
    TABLE, lazy_init=True)''',
    unpickled='''
class State:
    def __reduce__(self):
        return (object.__new__, (plugin.DequityDataset, ), dict(a=1))
import pickle
assert pickle.loads(pickle.dumps(State())).a == 1''',
    kitti="plugin.DequityKittiMetric('a.pkl', TABLE)",
    nuscenes="plugin.DequityNuScenesMetric('a', 'a.pkl', TABLE)")


@pytest.fixture(scope='module')
def built(tmp_path_factory):
    """What processes say that each build one of BUILDS."""
    table = save_table(tmp_path_factory.mktemp('built') / 't.parquet',
                       {'0': 0.5, '1': 1.0})
    return subprocess.run(
        [sys.executable, '-W', 'ignore', '-c',
         f'TABLE, BUILDS = {table!r}, {BUILDS!r}\n{UNTOUCHED}'],
        cwd=ROOT, text=True, capture_output=True)


@pytest.mark.parametrize('build', BUILDS)
def test_importing_changes_nothing_and_building_mends(build, built):
    """As in a training of another script, whose imports come first."""
    assert f'fine {build}' in built.stdout.splitlines(), built.stderr[-3000:]


def test_log_history_loads_and_stays_restricted(tmp_path):
    torch.save(dict(loss=HistoryBuffer([1.0, 3.0], [1, 1])),
               tmp_path / 'a.pth')
    loaded = torch.load(tmp_path / 'a.pth', weights_only=True)['loss']
    assert loaded.mean() == 2 and loaded.statistics('max') == 3
    with pytest.raises(ValueError, match='does not hold'):
        checkpoints._history_method(torch, 'load')


def test_config_in_a_checkpoint_loads(tmp_path):
    """Of a project that sets its METAINFO from a config."""
    meta = Config(dict(meta=dict(
        classes=('car', 'bus'), palette=[(1, 2, 3)],
        groups=dict(big=['bus'], small=dict(n=1))))).meta
    assert type(meta) is type(meta.groups) is ConfigDict
    path = tmp_path / 'a.pth'
    torch.save(dict(meta=dict(dataset_meta=meta)), path)
    loaded = torch.load(path, weights_only=True)['meta']['dataset_meta']
    assert type(loaded) is ConfigDict and loaded == meta
    assert loaded.groups.small.n == 1


class Runs:
    """Code in a pickle."""

    def __reduce__(self):
        return print, ('the checkpoint ran code', )


@pytest.mark.parametrize('value', [
    Runs(), LazyObject('os', 'system'), len])
def test_config_in_a_checkpoint_holds_no_code(tmp_path, value, capsys):
    """A LazyObject would import what it names when it is asked for."""
    meta = ConfigDict(classes=('car', ))
    dict.__setitem__(meta, 'value', value)
    path = tmp_path / 'a.pth'
    torch.save(dict(meta=dict(dataset_meta=meta)), path)
    with pytest.raises(UnpicklingError, match='only load failed') as e:
        torch.load(path, weights_only=True)
    assert '\n' not in what_is_refused(e.value)
    if isinstance(value, Runs):
        assert what_is_refused(e.value) == (
            'it asks for print, which no checkpoint needs')
    assert capsys.readouterr().out == ''


def forged(name, *args, state=None):
    """An object whose pickle has the named one called, then filled."""
    class Forged:
        def __reduce__(self):
            return (name, args) if state is None else (name, args, state)
    return Forged()


def _values(code, size):
    """A number of numpy, and an array, of a type with a forged size."""
    dtype = forged(np.dtype, code, False, True,
                   state=(3, '<', None, None, None, size, 1, 0))
    make, (_, shape, kind), _ = np.zeros(1).__reduce__()
    number = np.float64(0).__reduce__()[0]
    return [forged(number, dtype, b'x' * 8),
            forged(make, np.ndarray, shape, kind,
                   state=(1, (1, ), dtype, False, b'x' * 8))]


@pytest.mark.parametrize('which', [0, 1])
@pytest.mark.parametrize('code, size', [
    ('f8', 2**30), ('S8', 2**30), ('V8', 2**30), ('O8', 8)])
def test_forged_numbers_in_a_checkpoint_are_refused(
        tmp_path, code, size, which):
    """They crashed the process: numpy trusts the size that a file gives."""
    path = tmp_path / 'a.pth'
    torch.save(dict(loss=_values(code, size)[which]), path)
    if code == 'f8':  # the file's size is not taken
        found = torch.load(path, weights_only=True)['loss']
        assert np.ravel(found).tobytes() == b'x' * 8
        return
    with pytest.raises(ValueError, match=f'{code!r}, but a log history'):
        torch.load(path, weights_only=True)


def test_names_of_classes_in_a_checkpoint(tmp_path):
    """KITTI's info files call them by numpy's texts."""
    names = {np.str_('DontCare'): -1, np.str_('Größe'): 1, 'Car': 2}
    path = tmp_path / 'a.pth'
    torch.save(dict(categories=names), path)
    found = torch.load(path, weights_only=True)['categories']
    assert found == {'DontCare': -1, 'Größe': 1, 'Car': 2}
    assert found[np.str_('DontCare')] == -1


@pytest.mark.parametrize('which, error, text', [
    (0, ValueError, 'a text whose size is not that of its type'),
    (1, TypeError, '__setstate__')])  # numpy's own, of an array's type
def test_forged_texts_in_a_checkpoint_are_refused(
        tmp_path, which, error, text):
    path = tmp_path / 'a.pth'
    torch.save(dict(name=_values('U1', 2**30)[which]), path)
    with pytest.raises(error, match=text):
        torch.load(path, weights_only=True)


def test_arrays_of_a_checkpoint_are_not_made_to_measure(tmp_path):
    path = tmp_path / 'a.pth'
    torch.save(dict(loss=forged(np.ndarray, (2**40, ), 'O')), path)
    with pytest.raises(ValueError, match='makes an array by hand'):
        torch.load(path, weights_only=True)
