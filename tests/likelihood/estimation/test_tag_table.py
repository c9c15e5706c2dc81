"""Likelihoods from tags, by hand."""
from dataclasses import replace

import numpy as np
import pytest

from dequity_mmdet3d.likelihood.estimation.tag_table import (
    apply_tags,
    rarest_line,
    table_from_tags,
    tag_shares,
)
from dequity_mmdet3d.provenance import Provenance
from dequity_mmdet3d.tags import Tags
from dequity_mmdet3d.weight import dequity_weight

PROVENANCE = Provenance('config', 'sample_idx', 'kitti', 'train.pkl')
WEATHER = ['sun'] * 70 + ['rain'] * 20 + ['fog'] * 10
TIME = (['day'] * 60 + ['night'] * 10 + ['day'] * 18 + ['night'] * 2 +
        ['day'] * 9 + ['night'])
IDS = tuple(map(str, range(100)))
TAGS = Tags('tags.csv', IDS, dict(weather=tuple(WEATHER), time=tuple(TIME)))


def test_one_tag_is_its_frequency():
    table = table_from_tags(IDS, PROVENANCE, TAGS, ['weather'])
    assert table.likelihood.tolist() == [1.0] * 70 + [20 / 70] * 20 + [
        10 / 70] * 10
    assert table.cluster_id.tolist() == [0] * 70 + [1] * 20 + [2] * 10
    assert table.cluster_size.tolist() == [70] * 70 + [20] * 20 + [10] * 10
    table = table_from_tags(IDS, PROVENANCE, TAGS, ['weather'], 'share')
    np.testing.assert_allclose(
        table.likelihood, [0.7] * 70 + [0.2] * 20 + [0.1] * 10)


def test_few_samples_tend_to_what_their_tags_say():
    labels, share, names = tag_shares([WEATHER, TIME])
    assert names[0] == ('sun', 'day') and len(names) == 6
    # fog by night: one sample of 100, where 10 % are fog and 13 % night
    assert share[99] == pytest.approx(
        1 / 11 * 0.01 + 10 / 11 * 0.10 * 0.13)
    assert share[0] == pytest.approx(
        60 / 70 * 0.60 + 10 / 70 * 0.70 * 0.87)
    assert (labels == labels[99]).sum() == 1
    # rarer by night than by day, and both rarer than the sun
    assert share[99] < share[90] < share[0]


def test_other_samples_are_looked_up():
    table = table_from_tags(IDS, PROVENANCE, TAGS, ['weather', 'time'])
    others = Tags('v.csv', tuple('abcd'), dict(
        weather=('sun', 'fog', 'snow', 'rain'),
        time=('night', 'night', 'day', 'dawn')))
    found = apply_tags([*'abcd'], PROVENANCE, others, table, TAGS)
    # sun by night is sample 60, fog by night 99
    assert found.likelihood[:2].tolist() == table.likelihood[
        [60, 99]].tolist()
    assert found.cluster_id.tolist() == [*table.cluster_id[[60, 99]], -1, -1]
    # nobody has seen snow or dawn: one sample's share, over the largest
    largest = tag_shares([WEATHER, TIME])[1].max()
    np.testing.assert_allclose(found.likelihood[2:], .01 / largest)
    # what was seen, but not together: as if tags were independent
    some = Tags('t.csv', IDS[:99], dict(weather=tuple(WEATHER[:99]),
                                        time=tuple(TIME[:99])))
    table = table_from_tags(IDS[:99], PROVENANCE, some, kind='share')
    found = apply_tags(['b'], PROVENANCE, others, table, some)
    np.testing.assert_allclose(found.likelihood, 9 / 99 * 12 / 99)
    assert found.metadata['applied']['ids_sha256'] == (
        table.metadata['ids_sha256'])
    with pytest.raises(ValueError, match='not made by --method tags'):
        apply_tags(['b'], PROVENANCE, others, replace(table, metadata={}),
                   some)


def test_the_file_order_does_not_matter():
    order = np.random.default_rng(0).permutation(100)
    shuffled = [[column[i] for i in order] for column in (WEATHER, TIME)]
    _, share, names = tag_shares(shuffled)
    _, want, same = tag_shares([WEATHER, TIME])
    np.testing.assert_array_equal(share, want[order])
    assert names == same


def test_what_the_table_says_of_itself():
    table = table_from_tags(IDS[:99], PROVENANCE, TAGS)
    about = table.metadata['clustering']
    assert about['method'] == 'tags' and about['by'] == ['weather', 'time']
    assert about['combinations'][0] == 'sun, day'
    assert len(about['combinations']) == table.n_clusters == 5
    effect = table.metadata['diagnosis']['weights']
    assert effect['highest'] == dequity_weight(table.likelihood).max()
    assert rarest_line(table).startswith(
        'rarest combinations: rain, night (2 samples, 0.0')


@pytest.mark.parametrize('by, error', [
    ([], ValueError), (['time', 'time'], ValueError), (['road'], KeyError)])
def test_what_is_refused(by, error):
    with pytest.raises(error):
        table_from_tags(IDS, PROVENANCE, TAGS, by)
    with pytest.raises(ValueError, match='no row'):
        table_from_tags([*IDS, 'x'], PROVENANCE, TAGS)
    with pytest.raises(ValueError, match='kind must be'):
        table_from_tags(IDS, PROVENANCE, TAGS, kind='odd')
