"""The demo from nothing to its page, in a folder of an awkward name."""
import os
import re

import pytest

from tests.helpers import run_tool

pytestmark = pytest.mark.slow


@pytest.fixture
def out(tmp_path):
    return tmp_path / 'ein Ordner, größer'


def demo(out, *args):
    # eight programs one after the other
    return run_tool('demo.py', '--out', out, '--train', 12, '--val', 6, *args,
                    timeout=1800)


def test_summary_then_repeated_and_longer(out):
    done = demo(out, '--epochs', 1)
    assert done.returncode == 0, done.stdout[-3000:]
    for path in ('page/index.html', 'mini_kitti/kitti_likelihoods.parquet',
                 'run/epoch_1.pth', 'config.py', 'logs'):
        assert (out / path).exists()
        assert str(out / path) in done.stdout
    # after the steps, where the page is stands first
    end = done.stdout[done.stdout.rindex('   done in'):].splitlines()[1:]
    end = [line for line in end if line and ' - mmengine - ' not in line]
    assert end[0].split(maxsplit=1) == ['open', str(out / 'page/index.html')]
    assert re.search(r'all +6 +[\d.]+ \( *\d+\)', done.stdout)
    assert 'rarest images' in done.stdout
    # nothing beside the folder
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    # The demo's steps show that its config serves train, test, report and
    # compute_likelihoods without a variable; so it does compare.
    config = (out / 'config.py').read_text(encoding='utf-8')
    assert '_base_' not in config and 'data/mini_kitti/' not in config
    without = {k: v for k, v in os.environ.items() if k != 'MINI_KITTI'}
    compared = run_tool(
        'compare.py', out / 'config.py', '--arms', 'equity', '--seeds', 0,
        '--out', out / 'compared', cwd=out.parent, env=without)
    assert compared.returncode == 0, compared.stdout[-3000:]
    assert re.search(r'finished runs .*1 of 1', compared.stdout)
    # what is finished stays; figures are of the checkpoint they name
    again = demo(out, '--epochs', 1)
    assert again.returncode == 0 and again.stdout.count('there already') == 5
    longer = demo(out, '--epochs', 2)
    assert longer.returncode == 0, longer.stdout[-3000:]
    assert 'Epoch(train) [2][3/3]' in longer.stdout
    assert 'Epoch(train) [1]' not in longer.stdout
    assert (out / 'run/predictions_epoch_2/pred_instances_3d.pkl').exists()


def test_other_data_in_the_folder(out):
    made = run_tool('make_mini_kitti.py', out / 'mini_kitti', '--train', 12,
                    '--val', 6)
    assert made.returncode == 0, made.stdout
    done = demo(out, '--seed', 1)
    last = done.stdout.strip().split('\n')[-1]
    assert done.returncode == 1 and last.startswith('error: ')
    assert '--fresh' in last


def test_bad_argument():
    assert demo('x', '--epochs', 0).returncode == 2
