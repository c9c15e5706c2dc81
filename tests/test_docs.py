"""The documentation renders, and what it and the README show is there."""
import importlib.util
import subprocess
import sys

import pytest

from tests.helpers import ROOT

PICTURES = ROOT / 'docs/pictures'


@pytest.fixture(scope='module')
def make_pictures():
    """docs/make_pictures.py as a module."""
    spec = importlib.util.spec_from_file_location(
        'make_pictures', ROOT / 'docs/make_pictures.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_docs_have_no_broken_reference(tmp_path):
    pytest.importorskip('autoapi', reason='needs sphinx-autoapi')
    # furo would resolve the tree of all pages anew for each of them, which
    # is half of the time; references are the same in any theme
    done = subprocess.run(
        [sys.executable, '-m', 'sphinx', '-q', '-W', '--keep-going',
         '-D', 'html_theme=basic', '-d', tmp_path / 'doctrees', ROOT / 'docs',
         tmp_path / 'html'],
        capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    # the README is the first page, and the API is in
    first = (tmp_path / 'html/index.html').read_text(encoding='utf-8')
    assert 'learn from rare scenes' in first
    assert 'DequityDataset' in (
        tmp_path / 'html/api/dequity_mmdet3d/plugin/dataset/index.html'
    ).read_text(encoding='utf-8')


def test_a_broken_reference_is_an_error(tmp_path):
    pytest.importorskip('myst_parser')
    (tmp_path / 'index.md').write_text('# Page\n\n[there](nowhere.md)\n')
    (tmp_path / 'conf.py').write_text("extensions = ['myst_parser']\n")
    done = subprocess.run(
        [sys.executable, '-m', 'sphinx', '-q', '-W', tmp_path,
         tmp_path / 'html'], capture_output=True, text=True, timeout=300)
    assert done.returncode and 'nowhere.md' in done.stderr


def test_pictures_of_the_readme_are_there_and_small():
    readme = (ROOT / 'README.md').read_text(encoding='utf-8')
    shown = sorted(path for path in PICTURES.iterdir()
                   if f'docs/pictures/{path.name}' in readme)
    assert [p.name for p in shown] == ['page.webp', 'study.png']
    for path in shown:
        assert 5_000 < path.stat().st_size < 200_000


def test_differences_are_those_of_the_study(make_pictures):
    table = ('| | objects | baseline | equity | sampling |\n'
             '| --- | --- | --- | --- | --- |\n'
             '| rare/Car | 9 | 1.00 ± 0.50 '
             '| 2.50 ± 0.50<br>**+1.50 [+0.25, +2.75]** '
             '| 0.50 ± 0.10<br>-0.50 [-1.00, +0.10] |\n'
             '| other | 9 | 1.00 | 1.00 | 1.00 |\n'
             '\n'
             '| | objects | baseline | later |\n'
             '| rare/Car | 9 | 1.00 ± 0.50 | 9.00<br>+8.00 [+7.00, +9.00] |\n')
    found = make_pictures.differences(f'# Study\n\n{table}', ['rare/Car'])
    assert found == {
        'equity': {'rare/Car': (1.5, 0.25, 2.75)},
        'sampling': {'rare/Car': (-0.5, -1.0, 0.1)}
    }
    with pytest.raises(ValueError, match='no difference of equity for .*Bus'):
        make_pictures.differences(table, ['rare/Car', 'rare/Bus'])


def test_the_study_s_picture_is_of_its_text(make_pictures, tmp_path):
    pytest.importorskip('matplotlib')
    text = (ROOT / 'docs/study.md').read_text(encoding='utf-8')
    found = make_pictures.differences(text)
    assert {*found} == {'equity', 'sampling'}
    for figures in found.values():
        for mean, low, high in figures.values():
            assert low < mean < high
    make_pictures.draw(found, tmp_path / 'a.png')
    make_pictures.draw(found, tmp_path / 'b.png')
    assert (tmp_path / 'a.png').read_bytes() == (
        tmp_path / 'b.png').read_bytes()


def test_no_page_no_picture(make_pictures, tmp_path):
    with pytest.raises(FileNotFoundError, match='make demo'):
        make_pictures.photograph(tmp_path / 'no.html', tmp_path / 'x.webp')
