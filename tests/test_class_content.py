"""One number a sample from the classes that it holds."""
import csv

import numpy as np
import pytest

from dequity_mmdet3d.class_content import class_factors, sample_factors

# 4 samples: common, common and rare, none, rare twice and common 5 times
COUNTS = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [5, 2, 0]])


@pytest.mark.parametrize('content, options, expected', [
    # f = 3/4, 2/4
    ('rfs', dict(t=0.72), [1, 1.2]),
    ('rfs', dict(t=0.1), [1, 1]),
    # f = sqrt(3/4 * 7/10), sqrt(2/4 * 3/10)
    ('irfs', dict(t=1.0), [0.525**-0.25, 0.15**-0.25]),
    # 7 and 3 objects; 1 - 0.5^7 = 127/128, 1 - 0.5^3 = 7/8
    ('effective', dict(beta=0.5), [64 / 127, 4 / 7]),
    ('effective', dict(beta=0.0), [1, 1]),
    ('inverse', {}, [1 / 7, 1 / 3]),
    ('sqrt-inverse', {}, [7**-0.5, 3**-0.5]),
])
def test_by_hand(content, options, expected):
    factors = class_factors(COUNTS, content, **options)
    np.testing.assert_allclose(factors, [*expected, np.nan], rtol=1e-14)
    common, rare = expected
    lowest = 1 if 'rfs' in content else common
    np.testing.assert_allclose(
        sample_factors(COUNTS, content, **options),
        [common, rare, lowest, rare], rtol=1e-14)


def test_against_the_papers_steps_one_by_one():
    """Loops over samples and classes, as the papers write it."""
    rng = np.random.default_rng(0)
    counts = rng.poisson([3, 0.3, 0.02, 0.001], (500, 4))
    counts[7, 3] += 1  # each class is held by some sample
    t, n = 0.4, len(counts)
    for content in ('rfs', 'irfs'):
        expected = []
        for row in counts.tolist():
            repeats = [1.0]
            for c in range(4):
                if row[c]:
                    f = sum(other[c] > 0 for other in counts.tolist()) / n
                    if content == 'irfs':
                        f = (f * counts[:, c].sum() / counts.sum())**0.5
                    repeats.append(max(1.0, (t / f)**0.5))
            expected.append(max(repeats))
        np.testing.assert_allclose(sample_factors(counts, content, t),
                                   expected, rtol=1e-12)


def test_inverse_is_the_limit_of_the_effective_number():
    near = class_factors(COUNTS, 'effective', beta=1 - 1e-7)
    np.testing.assert_allclose(near, class_factors(COUNTS, 'inverse'),
                               rtol=1e-6)


def test_a_class_with_one_object():
    counts = np.array([[9, 0], [9, 1]])
    for content in ('effective', 'inverse', 'sqrt-inverse'):
        assert class_factors(counts, content)[1] == 1
    assert class_factors(counts, 'rfs', t=1.0)[1] == 2**0.5


def test_kitti(shared_data):
    """Its long tail: 7,481 frames; 28,742 objects in 6,684 of them are cars,
    4,487 in 1,779 pedestrians, 1,627 in 1,141 cyclists.
    """
    file = shared_data / 'kitti_object_counts.csv'
    if not file.is_file():
        pytest.skip(f'{file} is not here: the class counts of KITTI')
    names = ('Car', 'Pedestrian', 'Cyclist')
    with open(file, newline='') as f:
        counts = np.array([[int(row[c]) for c in names]
                           for row in csv.DictReader(f)])
    for content, expected in (
            # sqrt(0.3 / 0.237803), sqrt(0.3 / 0.152520)
            ('rfs', [1, 1.12318, 1.40248]),
            # f = sqrt(0.237803 * 0.128730), sqrt(0.152520 * 0.0466778)
            ('irfs', [1, 1.30945, 1.88560]),
            # 0.001 / (1 - exp(-n 0.00100050)): exp = 0, 0.011226, 0.196361
            ('effective', [0.001, 0.00101135, 0.00124434]),
            ('inverse', [3.47923e-5, 2.22866e-4, 6.14628e-4]),
            ('sqrt-inverse', [0.00589850, 0.0149287, 0.0247917])):
        np.testing.assert_allclose(class_factors(counts, content), expected,
                                   rtol=1e-5)
        # frame 0 has a pedestrian, 1 a car and a cyclist, 3 a car
        np.testing.assert_allclose(
            sample_factors(counts, content)[[0, 1, 3]],
            [expected[1], expected[2], expected[0]], rtol=1e-5)


@pytest.mark.parametrize('counts, options, message', [
    ([[1, -2], [0, 1]], {}, 'are negative, first -2 of class 1 in sample 0'),
    ([1, 2], {}, r'of shape \(samples, classes\), but have shape \(2,\)'),
    ([[0.5]], {}, 'whole numbers'),
    ([[0, 0]], {}, 'none of 1 samples holds an object of the 2 classes'),
    (np.zeros((0, 2), int), {}, 'none of 0 samples'),
    ([[1]], dict(content='rsf'), "must be one of rfs, irfs, .*got 'rsf'"),
    ([[1]], dict(t=0), r't must be a number in \(0, 1\], but got 0'),
    ([[1]], dict(t=1.5), 't must be'),
    ([[1]], dict(t='x'), 't must be'),
    ([[1]], dict(beta=1.0), r'beta must be a number in \[0, 1\)'),
    ([[1]], dict(beta=-0.1), 'beta must be'),
    ([[1]], dict(beta=float('nan')), 'beta must be'),
])
def test_bad_input(counts, options, message):
    with pytest.raises(ValueError, match=message) as error:
        sample_factors(np.array(counts), **{'content': 'rfs', **options})
    assert '\n' not in str(error.value)
