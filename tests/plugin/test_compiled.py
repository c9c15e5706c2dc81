"""numba's machine code of the host, kept in files."""
import importlib
import sys

import numba
import numpy as np
import pytest
from numba.core.caching import FunctionCache

from dequity_mmdet3d.plugin import compat, compiled, host_mends
from dequity_mmdet3d.plugin.evaluation.rotated_iou import _fill, rotated_iou

SOURCE = '''
import numba

@numba.njit
def half(x):
    return x / 2 if x > 0 else x * 0.0
'''


@pytest.fixture
def started(tmp_path, monkeypatch):
    """The function as a process that starts has it, and keeps it."""
    (tmp_path / 'jitted.py').write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)

    def start():
        sys.modules.pop('jitted', None)
        function = importlib.import_module('jitted').half
        assert not function.stats.cache_path
        compiled.keep(['jitted'])
        return function

    yield start
    sys.modules.pop('jitted', None)


def files(tmp_path, kind):
    return sorted(tmp_path.glob(f'__pycache__/*.{kind}'))


def test_another_process_reads_it(started, tmp_path):
    function = started()
    assert function(3.0) == 1.5
    assert sum(function.stats.cache_misses.values()) == 1
    assert len(files(tmp_path, 'nbc')) == 1
    function = started()
    assert function(3.0) == 1.5
    assert sum(function.stats.cache_hits.values()) == 1
    assert not function.stats.cache_misses
    # another source
    (tmp_path / 'jitted.py').write_text(SOURCE.replace('/ 2', '/ 20'))
    assert started()(3.0) == 0.15


@pytest.mark.parametrize('kind', ['nbi', 'nbc'])
@pytest.mark.parametrize('content', [b'', b'half', None])
def test_a_damaged_file_costs_time_only(started, tmp_path, kind, content):
    started()(3.0)
    path, = files(tmp_path, kind)
    path.write_bytes(path.read_bytes()[:-9] if content is None else content)
    function = started()
    assert function(3.0) == 1.5
    assert sum(function.stats.cache_misses.values()) == 1


def test_code_of_other_types_is_not_taken(started, tmp_path):
    """Two processes may write over each other's files."""
    function = started()
    function(3.0)
    function(3)
    one, two = files(tmp_path, 'nbc')
    a, b = one.read_bytes(), two.read_bytes()
    one.write_bytes(b)
    two.write_bytes(a)
    function = started()
    assert (function(3.0), function(3)) == (1.5, 1.5)
    assert not function.stats.cache_hits


def test_a_full_disk_stops_nothing(started, tmp_path, monkeypatch):
    def save(self, sig, data):
        raise OSError(28, 'No space left on device')
    monkeypatch.setattr(FunctionCache, 'save_overload', save)
    assert started()(3.0) == 1.5
    assert not files(tmp_path, 'nbc')


def test_no_place_for_files(monkeypatch):
    def find(self, function):
        raise RuntimeError('cannot cache function: no locator available')
    monkeypatch.setattr(compat, 'can_be_kept', compiled.can_be_kept)
    monkeypatch.setattr(FunctionCache, '__init__', find)
    assert not compiled.can_be_kept()
    assert not {m.name: m for m in host_mends()}[
        "numba's compiled code"].needed


def test_the_hosts_functions_are_kept():
    """The conftest of these tests has mended the host."""
    from mmdet3d.datasets.transforms import data_augment_utils
    from mmdet3d.evaluation.functional.kitti_utils import eval as kitti
    for function in (data_augment_utils.box_collision_test,
                     kitti.fused_compute_statistics, _fill):
        assert function.stats.cache_path


def test_kept_code_computes_the_same_bits():
    rng = np.random.default_rng(0)
    boxes, others = rng.uniform(.5, 4, (2, 50, 5))
    rotated_iou(boxes, others)
    again = numba.njit(_fill.py_func)
    kept = numba.njit(_fill.py_func)
    kept._cache = compiled.KeptCode(kept.py_func)
    overlaps = np.zeros((2, 50, 50))
    again(boxes, others, -1, overlaps[0])
    kept(boxes, others, -1, overlaps[1])
    assert kept.stats.cache_hits and overlaps.any()
    np.testing.assert_array_equal(*overlaps)
