"""Tags beside a table: agreement by hand, and tags that look wrong."""
import csv
import json

import numpy as np
import pytest

from dequity_mmdet3d.likelihood.estimation.overlap import TrainingRows
from dequity_mmdet3d.likelihood.estimation.tag_agreement import (
    agreement,
    cluster_names,
    save_suspects,
    suspects,
    suspects_line,
    tag_lines,
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


def drawn():
    """Two kinds of 60, of which two samples bear the other's tag."""
    rng = np.random.default_rng(0)
    kind = np.repeat([0, 1], 60)
    rows = np.eye(2)[kind] * 9 + rng.standard_normal((120, 2))
    value = np.array(['sun', 'rain'])[kind]
    value[[5, 77]] = ['rain', 'sun']
    ids = [f's{i}' for i in range(120)]
    table = LikelihoodTable(np.array(ids), np.ones(120), kind,
                            np.full(120, 60))
    return table, rows, Tags('t.csv', tuple(ids), dict(w=tuple(value)))


def test_wrong_tags_are_found(tmp_path):
    table, rows, tags = drawn()
    seen = TrainingRows({'': rows.astype(np.float16)}, {'': np.arange(120)},
                        '', '')
    found = suspects(table, seen, tags, 'w')
    assert {(s.sample_id, s.value, s.neighbours_value) for s in found} == {
        ('s5', 'rain', 'sun'), ('s77', 'sun', 'rain')}
    assert all(0.8 <= s.share <= 1 for s in found)
    save_suspects(tmp_path / 's.csv', found)
    with open(tmp_path / 's.csv', newline='') as f:
        head, *lines = csv.reader(f)
    assert head[0] == 'sample_id' and len(lines) == 2
    line = suspects_line(found, 's.csv')
    assert line.startswith('2 tags look wrong') and 's.csv' in line
    assert suspects_line([], 's.csv').startswith('no tag looks wrong')


def test_cameras_vote_together():
    table, rows, tags = drawn()
    # the other camera sees noise, so nearly nobody is surely wrong
    noise = np.random.default_rng(1).standard_normal((120, 2))
    seen = TrainingRows(
        {'a': rows.astype(np.float16), 'b': noise.astype(np.float16)},
        {'a': np.arange(120), 'b': np.arange(120)}, '', '')
    assert len(suspects(table, seen, tags, 'w')) < 2
    # it has no say where it has no image
    seen = TrainingRows(seen.rows | {'b': noise[:0].astype(np.float16)},
                        seen.samples | {'b': np.arange(0)}, '', '')
    assert len(suspects(table, seen, tags, 'w')) == 2


def test_metadata_say_it_again():
    table, lines, found = with_tags(TABLE, TAGS, ['weather', 'road'])
    assert found is None
    metadata = json.loads(json.dumps(table.metadata))
    assert metadata['tags']['file'] == 'tags.csv'
    assert tag_lines(metadata) == lines
    assert tag_lines({}) == []
    with pytest.raises(KeyError):
        with_tags(TABLE, TAGS, ['time'])
