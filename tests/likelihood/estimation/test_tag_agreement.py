"""Tags beside a table: agreement by hand."""
import json

import numpy as np
import pytest

from dequity_mmdet3d.likelihood.estimation.tag_agreement import (
    agreement,
    agreement_lines,
    cluster_names,
    with_tags,
)
from dequity_mmdet3d.table import LikelihoodTable
from dequity_mmdet3d.tags import Tags

pytest.importorskip('faiss', reason='faiss cannot be imported')

IDS = tuple('abcdefgh')
WEATHER = ('sun', 'sun', 'sun', 'fog', 'sun', 'fog', 'fog', 'fog')
ROAD = ('city', ) * 8


def table_of(cluster, likelihood):
    size = [cluster.count(c) if c >= 0 else 1 for c in cluster]
    return LikelihoodTable(np.array(IDS), np.array(likelihood),
                           np.array(cluster), np.array(size))


TABLE = table_of([0, 0, 0, 0, 1, 1, -1, -1],
                 [1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25])
TAGS = Tags('tags.csv', IDS, dict(weather=WEATHER, road=ROAD))


def test_agreement_by_hand():
    found = agreement(TABLE, TAGS, 'weather')
    assert found.samples == dict(fog=4, sun=4)
    # 3 of 4, 1 of 2, and two alone
    assert found.purity == 6 / 8
    # H(fog) = 1 bit; in the clusters .5 * H(1/4) + .25 * H(1/2)
    inside = 0.5 * -(0.25 * np.log2(0.25) + 0.75 * np.log2(0.75)) + 0.25
    assert found.told == pytest.approx(1 - inside)
    # of 16 pairs fog is the rarer in 11 and as rare in 4
    pairs = [(f, s) for f in (1, .5, .25, .25) for s in (1, 1, 1, .5)]
    want = np.mean([(f < s) + 0.5 * (f == s) for f, s in pairs])
    assert found.auroc == pytest.approx(dict(fog=want, sun=1 - want))
    assert found.line('weather').startswith(
        f'tag weather: clusters tell {1 - inside:.0%} of it (purity 75%); '
        f'rare by look (AUROC) fog {want:.2f}, sun')


def test_one_value_has_nothing_to_tell():
    found = agreement(TABLE, TAGS, 'road')
    assert (found.told, found.purity, found.auroc) == (None, 1, {})
    assert found.line('road') == "tag road: all samples have 'city'"


def test_clusters_are_named():
    assert cluster_names(TABLE, TAGS, ['weather', 'road']) == [
        'sun 75%, city 100%', 'fog 50%, city 100%']


def test_metadata_say_it_again():
    table, lines, found = with_tags(TABLE, TAGS, ['weather', 'road'])
    assert found is None
    metadata = json.loads(json.dumps(table.metadata))
    assert metadata['tags']['file'] == 'tags.csv'
    assert agreement_lines(metadata) == lines
    assert agreement_lines({}) == []
    with pytest.raises(KeyError):
        with_tags(TABLE, TAGS, ['time'])
