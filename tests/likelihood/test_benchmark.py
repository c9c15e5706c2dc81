"""The benchmark of likelihoods: its truth is true, its scores are scores."""
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'benchmarks'))
try:
    families = pytest.importorskip(
        'likelihood_families', reason='scipy, of the extra compare, is absent')
finally:
    sys.path.pop(0)


@pytest.mark.parametrize('name', families.FAMILIES)
def test_families(name):
    x, truth = families.family(name, 1, 300)
    settings = families.FAMILIES[name]
    assert x.shape == (300, settings.dim) and x.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1, rtol=1e-5)
    assert truth.shape == (300, ) and truth.max() == 1 and truth.min() > 0
    assert (truth.min() == 1) == settings.flat
    again, _ = families.family(name, 1, 300)
    other, _ = families.family(name, 2, 300)
    assert (x == again).all() and not (x == other).all()


def test_truth_is_the_size_of_the_mode():
    # tight and far apart, so that a cosine of 0.9 tells the modes
    f = families.Family('', modes=4, spread=0.01, rank=100)
    x, mode = families.draw(f, np.random.default_rng(0), 50)
    same = x @ x.T > 0.9
    assert (same == (mode[:, None] == mode)).all()


def test_copies_are_exact_and_outliers_alone():
    x, mode = families.draw(families.FAMILIES['copies'],
                            np.random.default_rng(0), 400)
    sizes = np.unique(mode, return_counts=True)[1]
    # of ten in a mode, three are one point
    surplus = sum(max(3 * size // 10 - 1, 0) for size in sizes.tolist())
    assert surplus > 80
    assert len(np.unique(x, axis=0)) == 400 - surplus
    _, truth = families.family('scattered', 0, 1000)
    assert 30 < (truth == truth.min()).sum() < 80


def test_scores_by_hand():
    truth = np.array([1, 1, 1, 1, 1, 1, 1, 1, 1, .1])
    best = families.scores(truth, 0.5 * truth)  # only the order and ratios
    assert best == pytest.approx(dict(rho=1, gap=0, auroc=1))
    worst = families.scores(truth, 1.1 - truth)
    assert worst == pytest.approx(dict(rho=-1, gap=.9, auroc=0))
    nothing = families.scores(truth, np.ones(10))
    assert np.isnan(nothing['rho'])
    assert nothing['gap'] == pytest.approx(.09)
    assert nothing['auroc'] == 0.5  # ties
    flat = families.scores(np.ones(101), np.linspace(0.01, 1.01, 101))
    assert flat == pytest.approx(dict(spread=.9 / 1.01))


def test_rare_are_whole_modes():
    # 4 % and 5 % are rare, 6 % more would be too many
    truth = np.repeat([4, 5, 6, 85], [4, 5, 6, 85]) / 85
    estimate = np.where(truth <= 5 / 85, 0.1, 1)
    assert families.scores(truth, estimate)['auroc'] == 1
    # the smallest mode is above a tenth, and rare all the same
    truth = np.repeat([.5, 1], [30, 60])
    assert families.scores(truth, truth)['auroc'] == 1


def run(tmp_path, *args, name='compare_methods.py'):
    return subprocess.run(
        [sys.executable, '-W', 'ignore', str(ROOT / 'benchmarks' / name),
         *args],
        capture_output=True, text=True, timeout=300, cwd=tmp_path,
        env=dict(os.environ, PYTHONPATH=str(ROOT), DEQUITY_BENCH=''))


def test_the_command(tmp_path):
    pytest.importorskip('sklearn')
    pytest.importorskip('faiss')
    (tmp_path / 'other.py').write_text('''
import numpy as np
FAMILIES = {'pair': None}

def family(name, seed, n):
    x = np.eye(2, dtype='f4')[np.arange(n) % 10 // 9]
    return x, np.where(x[:, 0] == 1, 1, 1 / 9)

def scores(truth, estimate):
    return dict(rho=float((estimate == truth).mean()), gap=0.0, auroc=1.0)
''')
    done = run(tmp_path, '--n', '80', '--families', 'own/one_mode', 'bench/*',
               '--seeds', '2', '--methods', 'hdbscan', 'hdbscan:cluster',
               'knn', '--bench', 'other.py', '--out', 'table.md')
    assert done.returncode == 0, done.stderr
    assert (tmp_path / 'table.md').read_text() == done.stdout
    rows = [line.split(' | ') for line in done.stdout.splitlines()
            if line.startswith('| ')]
    assert rows[0] == ['| family', 'hdbscan', 'hdbscan:cluster', 'knn |']
    assert [r[0] for r in rows[2:4]] == ['| own/one_mode', '| bench/pair']
    # eight samples of the smaller are fewer than the ten of a cluster
    assert rows[3][1].startswith('0.90 / 0.00 / 1.00 / ')
    assert '| **mean rho**' in [r[0] for r in rows]


@pytest.mark.parametrize('args, text', [
    (('--methods', 'modes:x'), 'METHOD:NOISE'),
    (('--families', 'none'), 'nothing matches'),
    (('--seeds', '0'), '1 or more'),
    (('--bench', 'no.py'), 'there is no file no.py'),
])
def test_wrong_arguments(tmp_path, args, text):
    pytest.importorskip('sklearn')
    pytest.importorskip('faiss')
    done = run(tmp_path, '--n', '80', *args)
    assert done.returncode in (1, 2) and text in done.stderr


def test_start_up_and_memory(tmp_path):
    pytest.importorskip('torch')
    done = run(tmp_path, '1001', name='encoding_scale.py')
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith('1001 tiny images, ')
