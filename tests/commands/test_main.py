"""One command for all: what it finds, says and leaves to the commands."""
import subprocess
import sys

import pytest

from dequity_mmdet3d import __version__
from dequity_mmdet3d.commands import COMMANDS, main
from tests.helpers import ROOT, run_tool

# those whose help is ours alone; the script that people know
DOORS = {
    'likelihoods': 'compute_likelihoods.py',
    'compare': 'compare.py',
    'report': 'report.py',
    'export': 'export.py',
    'create-data': 'create_data.py',
    'recommend': None,
    'doctor': None,
}


def dequity(*args, **kwargs):
    """Run ``python -m dequity_mmdet3d`` from the checkout."""
    return subprocess.run(
        [sys.executable, '-W', 'ignore', '-m', 'dequity_mmdet3d',
         *map(str, args)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=600, cwd=ROOT, **kwargs)


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as end:
        main(['--help'])
    assert end.value.code == 0
    text = capsys.readouterr().out
    for name, what in COMMANDS.items():
        assert f'  {name} ' in text and what in text


def test_version(capsys):
    with pytest.raises(SystemExit) as end:
        main(['--version'])
    assert end.value.code == 0
    assert capsys.readouterr().out == f'dequity_mmdet3d {__version__}\n'


@pytest.mark.parametrize('argv', [[], ['trian'], ['--trian']])
def test_no_such_command(argv, capsys):
    with pytest.raises(SystemExit) as end:
        main(argv)
    assert end.value.code == 2
    assert 'dequity: error: ' in capsys.readouterr().err


@pytest.mark.parametrize('name', [n for n, door in DOORS.items() if door])
def test_the_door_is_the_command(name):
    """The same help under either name, but for the name and its indent."""
    programs = (f'dequity {name}', DOORS[name])
    helps = (dequity(name, '--help'), run_tool(DOORS[name], '--help'))
    for done, program in zip(helps, programs):
        assert done.returncode == 0, done.stdout
        assert done.stdout.startswith(f'usage: {program} ')
    ours, doors = (
        done.stdout.replace(programs[0], '').replace(programs[1], '').split()
        for done in helps)
    assert ours == doors


@pytest.mark.parametrize('argv', [
    *([name] for name in DOORS), ['export', 'csv'], ['export', 'fiftyone']])
def test_help_names_defaults_where_there_are_some(argv, capsys, monkeypatch):
    monkeypatch.setattr(sys, 'argv', [])
    with pytest.raises(SystemExit) as end:
        main([*argv, '--help'])
    assert end.value.code == 0
    text = capsys.readouterr().out
    for nothing in ('(default: None)', '(default: False)', '==SUPPRESS=='):
        assert nothing not in text


def test_wrong_arguments_end_with_2():
    done = dequity('likelihoods')
    assert done.returncode == 2
    assert 'dequity likelihoods: error: give exactly one of' in done.stdout


def test_a_mistake_is_one_line_and_1(tmp_path):
    done = dequity('export', 'csv', tmp_path / 'none.parquet')
    assert done.returncode == 1
    assert done.stdout.startswith('error: ') and done.stdout.count('\n') == 1


@pytest.mark.parametrize('name', sorted(DOORS))
def test_help_loads_nothing_heavy(name):
    """It is answered at once, and on any machine."""
    heavy = ('numpy', 'torch', 'pyarrow', 'PIL', 'mmengine', 'mmdet3d')
    code = f'''
import sys
from dequity_mmdet3d.commands import main
try:
    main([{name!r}, '--help'])
except SystemExit:
    print([m for m in {heavy} if m in sys.modules])
'''
    done = subprocess.run([sys.executable, '-c', code], text=True,
                          capture_output=True, cwd=ROOT)
    assert done.stdout.endswith('\n[]\n'), done.stderr
