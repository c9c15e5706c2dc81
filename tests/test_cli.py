"""How a run ends: a mistake in one line, a bug with its traceback."""
import json
import os
import subprocess
import sys

import pytest

from dequity_mmdet3d.cli import run_cli
from dequity_mmdet3d.messages import error_line
from dequity_mmdet3d.weight import dequity_weight


def raising(error):

    def main():
        raise error

    return main


def test_status_of_main():
    assert run_cli(lambda: None) == 0
    assert run_cli(lambda: 3) == 3


@pytest.mark.parametrize('main', [
    lambda: dequity_weight(2.0),
    raising(FileNotFoundError('no table')),
    raising(ImportError('no library'))
])
def test_mistake_of_a_user(main, capsys):
    assert run_cli(main) == 1
    text = capsys.readouterr().err
    assert text.startswith('error: ') and text.count('\n') == 1


@pytest.mark.parametrize('main, error', [
    (lambda: json.loads('{'), ValueError),
    (lambda: {}['key'], KeyError),
    (raising(RuntimeError('bug')), RuntimeError),
    (raising(AttributeError('bug')), AttributeError)
])
def test_bug_keeps_its_traceback(main, error):
    with pytest.raises(error):
        run_cli(main)


def test_a_package_that_raises_on_purpose(capsys):
    """Named by its tool; json stands for it."""
    assert run_cli(lambda: json.loads('{'), packages=('json', )) == 1
    assert capsys.readouterr().err.startswith('error: ')


def test_traceback_on_demand(monkeypatch):
    monkeypatch.setenv('DEQUITY_TRACEBACK', '1')
    with pytest.raises(ValueError):
        run_cli(lambda: dequity_weight(2.0))


def test_interrupt(capsys):
    assert run_cli(raising(KeyboardInterrupt())) == 130
    assert 'interrupted' in capsys.readouterr().err


def test_one_line_without_the_quotes_of_a_key_error():
    assert error_line(KeyError('a\n  b')) == 'a b'
    assert error_line(ValueError()) == 'ValueError'


def test_the_error_is_the_last_line_of_a_pipe():
    """Standard output waits in a buffer there, standard error does not."""
    script = ('from dequity_mmdet3d.cli import run_cli\n'
              'from dequity_mmdet3d.weight import dequity_weight\n'
              "print('said before')\n"
              'raise SystemExit(run_cli(lambda: dequity_weight(2.0)))')
    env = {k: v for k, v in os.environ.items() if k != 'PYTHONUNBUFFERED'}
    done = subprocess.run(
        [sys.executable, '-c', script], env=env, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    first, last = done.stdout.splitlines()
    assert done.returncode == 1
    assert first == 'said before' and last.startswith('error: ')


def test_who_reads_a_pipe_may_stop():
    script = ('from dequity_mmdet3d.cli import run_cli\n'
              'def main():\n'
              '    for i in range(100_000):\n'
              '        print(i)\n'
              'raise SystemExit(run_cli(main))')
    with subprocess.Popen([sys.executable, '-c', script], text=True,
                          stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == '0\n'
        process.stdout.close()
        assert process.stderr.read() == '' and process.wait() == 1


def test_what_is_not_installed_is_said_with_advice(capsys):
    assert run_cli(lambda: __import__('no_such_module')) == 1
    assert 'dequity doctor says' in capsys.readouterr().err
