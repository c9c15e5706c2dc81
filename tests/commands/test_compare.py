"""The arguments of dequity compare."""
import pytest

from dequity_mmdet3d.commands import compare


@pytest.mark.parametrize('args, message', [
    (('--engine', 'dask'), 'invalid choice'),
    (('--address', 'auto'), '--address belongs to --engine ray'),
    (('--engine', 'ray', '--slurm', 'a=b'), '--slurm belongs to --engine slu'),
    (('--engine', 'slurm', '--jobs', '2'),
     '--jobs belongs to --engine pool or ray'),
    (('--gpus-per-run', '0'), 'expected 1 or more'),
    (('--launcher', 'pytorch'), '--launcher is gone; give --engine'),
])
def test_arguments_that_do_not_go_together(args, message, capsys):
    with pytest.raises(SystemExit) as e:
        compare.parse_args(['config.py', *args])
    assert e.value.code == 2 and message in capsys.readouterr().err


def test_options_of_sbatch():
    args = compare.parse_args([
        'config.py', '--engine', 'slurm', '--slurm', 'partition=gpu',
        '--slurm', 'exclusive', '--slurm', 'constraint=a=b'])
    assert compare.sbatch_options([*args.slurm, '--qos=low']) == dict(
        partition='gpu', exclusive=True, constraint='a=b', qos='low')


def test_it_is_one_process(monkeypatch):
    for name, value in (('RANK', '1'), ('WORLD_SIZE', '2'),
                        ('MASTER_ADDR', 'localhost'), ('MASTER_PORT', '1')):
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match='leave torchrun or srun out'):
        compare.main(['config.py'])
