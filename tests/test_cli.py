"""How a run ends: a mistake in one line, a bug with its traceback."""
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from dequity_mmdet3d.cli import run_cli
from dequity_mmdet3d.messages import error_line
from dequity_mmdet3d.weight import dequity_weight
from dequity_mmdet3d.whole_file import whole_file


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
        assert process.stderr.read() == '' and process.wait() == 0


def test_the_work_ends_although_nobody_reads(tmp_path):
    """Through ``| head -1``, standard error as well: all is written."""
    script = ('import sys\n'
              'from dequity_mmdet3d.cli import run_cli\n'
              'from dequity_mmdet3d.whole_file import whole_file\n'
              'def main():\n'
              "    print('a' * 100_000, flush=True)\n"
              "    print('b', file=sys.stderr, flush=True)\n"
              f"    with whole_file({str(tmp_path / 'table')!r}) as f:\n"
              "        f.write(b'whole')\n"
              "    print('done')\n"
              'raise SystemExit(run_cli(main))')
    with subprocess.Popen([sys.executable, '-c', script],
                          stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as process:
        process.stdout.read(1)
        process.stdout.close()
        assert process.wait() == 0
    assert [p.name for p in tmp_path.iterdir()] == ['table']


def test_a_key_that_is_missing_is_more_than_its_name(capsys):
    """A dict's own error says nothing else."""
    ours = (__name__.split('.')[0], )
    assert run_cli(lambda: {}['steps'], packages=ours) == 1
    line = capsys.readouterr().err
    assert line.startswith(f"error: there is no 'steps' in what {__name__} ")
    assert 'DEQUITY_TRACEBACK=1' in line and line.count('\n') == 1
    assert run_cli(lambda: {}.pop('steps'), packages=ours) == 1
    assert "there is no 'steps'" in capsys.readouterr().err
    assert run_cli(raising(KeyError('give steps')), packages=ours) == 1
    assert capsys.readouterr().err == 'error: give steps\n'


def terminate_me():
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)


def test_sigterm_is_as_an_interrupt(tmp_path, capsys):
    """The same clean-up, and an exit status of its own."""
    cleaned = []

    def main():
        try:
            with whole_file(tmp_path / 'a'):
                terminate_me()
        except KeyboardInterrupt:
            cleaned.append(True)
            raise

    before = signal.getsignal(signal.SIGTERM)
    assert run_cli(main, 'go on so') == 143
    assert capsys.readouterr().err == 'terminated; go on so\n'
    assert cleaned and list(tmp_path.iterdir()) == []
    assert signal.getsignal(signal.SIGTERM) == before


def test_sigterm_of_a_forked_child_ends_it():
    def main():
        child = os.fork()
        if child == 0:
            try:
                terminate_me()
            finally:
                os._exit(3)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    assert run_cli(main) == -signal.SIGTERM


def test_who_has_a_handler_keeps_it():
    got = []
    before = signal.signal(signal.SIGTERM, lambda *_: got.append(1))
    try:
        assert run_cli(lambda: os.kill(os.getpid(), signal.SIGTERM)) == 0
    finally:
        signal.signal(signal.SIGTERM, before)
    assert got == [1]


def test_what_is_not_installed_is_said_with_advice(capsys):
    assert run_cli(lambda: __import__('no_such_module')) == 1
    assert 'dequity doctor says' in capsys.readouterr().err
