"""Set-up's way to build mmcv; its result is tested in zoo/test_operators."""
import importlib.util

import pytest

from tests.helpers import ROOT, run_tool

spec = importlib.util.spec_from_file_location('build_mmcv',
                                              ROOT / 'tools/build_mmcv.py')
build_mmcv = importlib.util.module_from_spec(spec)
spec.loader.exec_module(build_mmcv)

BINDING = ['contour_expand', 'nms', 'pybind']
CPU = ['bezier_align', 'nms', 'psamask', 'roi_align', 'roi_align_rotated',
       'voxelization']


@pytest.fixture
def sources(tmp_path):
    folder = tmp_path / build_mmcv.SOURCES
    (folder / 'cpu').mkdir(parents=True)
    for path in BINDING + [f'cpu/{name}' for name in CPU]:
        (folder / f'{path}.cpp').write_text(f'int {path[-3:]};\n')
    (folder / 'spconv_utils.h').write_text('')
    return folder


def test_every_source_once_and_some_apart_or_last(sources):
    units = build_mmcv.translation_units(sources)
    assert [[str(path.relative_to(sources))[:-len('.cpp')] for path in unit]
            for unit in units] == [
                ['nms', 'pybind', 'contour_expand'],
                ['cpu/nms', 'cpu/voxelization', 'cpu/psamask'],
                ['cpu/bezier_align'], ['cpu/roi_align'],
                ['cpu/roi_align_rotated']]


def test_units_include_their_sources_and_keep_their_date(sources, tmp_path):
    units = build_mmcv.translation_units(sources)
    folder = tmp_path / 'units'
    files = build_mmcv.write_units(units, folder)
    # distutils sorts; the slowest has to be started first
    assert files == sorted(files)
    for file, paths in zip(files, units):
        lines = open(file).read().splitlines()
        assert [(folder / line.split('"')[1]).resolve()
                for line in lines] == [path.resolve() for path in paths]
    first = tmp_path / 'units/unit0.cpp'
    (tmp_path / 'units/unit1.cpp').write_text('half of i')
    before = first.stat().st_mtime_ns
    assert build_mmcv.write_units(units, folder) == files
    assert first.stat().st_mtime_ns == before
    assert 'voxelization' in (tmp_path / 'units/unit1.cpp').read_text()


def test_other_folder(tmp_path):
    done = run_tool('build_mmcv.py', cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith(
        "error: expected the sources of mmcv 2.1.0 in 'mmcv/ops/csrc/pytorch'"
    )
    assert done.stdout.count('\n') == 1
