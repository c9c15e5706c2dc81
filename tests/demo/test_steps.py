"""A step of the demo is done when its tool has ended well."""
import pytest

from demo import steps


@pytest.fixture
def step(tmp_path, monkeypatch):
    (tmp_path / 'tools').mkdir()
    (tmp_path / 'tools' / 'make.py').write_text(
        'import sys\n'
        "open(sys.argv[1], 'a').write('x')\n"
        'sys.exit(int(sys.argv[2]))\n')
    monkeypatch.setattr(steps, 'TOOLS', tmp_path / 'tools')
    return steps.Step(tmp_path / 'out')


def test_not_repeated_once_it_has_ended(step, tmp_path):
    made = tmp_path / 'made'
    for _ in range(2):
        step('title', 'make.py', made, 0, made=made)
    assert made.read_text() == 'x'
    # without a file of its own it is always run
    step('title', 'make.py', made, 0)
    assert made.read_text() == 'xx'


def test_a_file_that_was_there_before_the_end_is_not_the_end(step, tmp_path):
    made = tmp_path / 'made'
    with pytest.raises(OSError, match='make.py ended with status 3'):
        step('title', 'make.py', made, 3, made=made)
    assert made.exists()
    step('title', 'make.py', made, 0, made=made)
    assert made.read_text() == 'xx'
    # and what was removed is made again
    made.unlink()
    step('title', 'make.py', made, 0, made=made)
    assert made.read_text() == 'x'
