"""What the doctor finds, here and on machines that we do not have."""
import sys
import types

import pytest

from dequity_mmdet3d import __version__
from dequity_mmdet3d.commands import doctor
from dequity_mmdet3d.commands.doctor import Finding
from tests.commands.test_main import dequity
from tests.helpers import ROOT
from tests.test_config_files import NO_PKG_RESOURCES, python


def found(monkeypatch, *findings):
    monkeypatch.setattr(doctor, 'examine', lambda: findings)


def test_training_can_start_here():
    pytest.importorskip('mmdet3d')
    done = dequity('doctor')
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    names = [line.split()[0] for line in lines if line[0] != ' ']
    assert names == [
        'dequity_mmdet3d', 'python', *doctor.HOST, 'mmcv.ops', 'GPU',
        'pkg_resources', 'mended', 'faiss', 'encoders', 'training']
    assert __version__ in lines[0] and str(ROOT) in lines[0] + lines[1]
    assert lines[-1].split(maxsplit=1)[1] == 'can start'
    assert len(lines) <= 40  # one screen


def test_training_cannot_start(monkeypatch, capsys):
    found(monkeypatch, Finding('torch', '2.1'),
          Finding('mmcv', '3', 'too new'), Finding('mmdet', '3', 'also'))
    assert doctor.main([]) == 1
    assert capsys.readouterr().out.splitlines()[-1].split(maxsplit=1) == [
        'training', 'cannot start: mmcv: too new']


def test_all_is_well(monkeypatch, capsys):
    found(monkeypatch, Finding('torch', '2.1'))
    assert doctor.main([]) is None
    assert capsys.readouterr().out == (
        f'{"torch":15} 2.1\n{"training":15} can start\n')


def test_without_any_host():
    """Every package that is missing is told; nothing stops the doctor."""
    code = '''
import sys
for name in ('torch', 'mmengine', 'mmcv', 'mmdet', 'mmdet3d', 'faiss'):
    sys.modules[name] = None
from dequity_mmdet3d.commands import main
sys.exit(main(['doctor']))'''
    done = python(code)
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert 'encoders        none without torch' in lines
    assert any(line.startswith('training        cannot start: torch: Module')
               for line in lines)


def test_an_assertion_of_the_host(tmp_path, monkeypatch):
    """The host says in an assertion which version it wants."""
    (tmp_path / 'asserting.py').write_text(
        "assert False, 'MMCV==2.2.0 is used but incompatible. '\\\n"
        "              'Please install mmcv>=2.0.0rc4, <2.2.0.'\n")
    monkeypatch.syspath_prepend(tmp_path)
    finding = doctor._host_package('asserting')
    assert finding.trouble == (
        'AssertionError: MMCV==2.2.0 is used but incompatible. Please install '
        'mmcv>=2.0.0rc4, <2.2.0.')
    assert finding.text == f'none; {finding.trouble}'


def test_two_distributions_in_one_folder(monkeypatch):
    """mmengine and its fork, of which pip put one over the other."""
    monkeypatch.setattr(
        doctor.metadata, 'packages_distributions',
        lambda: {'json': ['onedl-json', 'json']})
    monkeypatch.setattr(doctor.metadata, 'version', lambda name: '1.0')
    finding = doctor._host_package('json')
    assert finding.trouble == (
        '1.0 and 1.0 (onedl-json) share the folder json; uninstall both, '
        'install one')


@pytest.mark.parametrize('cuda, gpu, text, fatal', [
    ('not available', False, 'load, for the CPU', False),
    ('not available', True, 'load, for the CPU', True),
    ('12.1', True, 'load, for CUDA 12.1', False),
])
def test_operators(monkeypatch, cuda, gpu, text, fatal):
    torch = pytest.importorskip('torch')
    monkeypatch.setitem(sys.modules, 'mmcv', types.ModuleType('mmcv'))
    monkeypatch.setitem(sys.modules, 'mmcv.ops', types.SimpleNamespace(
        get_compiling_cuda_version=lambda: cuda))
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: gpu)
    finding = doctor._operators()
    assert finding.text == text and bool(finding.trouble) == fatal


def test_operators_that_do_not_load(monkeypatch):
    monkeypatch.setitem(sys.modules, 'mmcv.ops', None)
    assert doctor._operators().text.startswith('do not load; ')
    assert doctor._operators().trouble


@pytest.mark.parametrize('gpus, text', [(0, 'sees no GPU'),
                                        (2, 'sees 2 GPUs')])
def test_faiss(monkeypatch, gpus, text):
    monkeypatch.setitem(sys.modules, 'faiss', types.SimpleNamespace(
        get_num_gpus=lambda: gpus))
    assert doctor._faiss().text.endswith(text)


def test_without_pkg_resources():
    pytest.importorskip('mmengine')
    done = python(NO_PKG_RESOURCES + '''
from dequity_mmdet3d.commands.doctor import _config_reading
print(_config_reading().text, _config_reading().trouble)''')
    assert done.stdout.startswith('not there'), done.stderr
    assert "pip install 'setuptools<82'" in done.stdout
