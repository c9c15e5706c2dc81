"""Tags that look wrong are found, and no others."""
import csv

import numpy as np
import pytest

from dequity_mmdet3d.likelihood.estimation.overlap import TrainingRows
from dequity_mmdet3d.likelihood.estimation.tag_suspects import (
    save_suspects,
    suspects,
    suspects_line,
    unheard_line,
)
from dequity_mmdet3d.table import LikelihoodTable
from dequity_mmdet3d.tags import Tags

pytest.importorskip('faiss', reason='faiss cannot be imported')


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


@pytest.mark.parametrize('few', [3, 4, 7])
def test_a_wrong_tag_in_a_rare_group(few):
    """Of fewer than ten others: so many neighbours can agree."""
    rng = np.random.default_rng(0)
    kind = np.repeat([0, 1], [60, few + 1])
    rows = np.eye(2)[kind] * 9 + rng.standard_normal((len(kind), 2))
    value = np.array(['sun', 'rain'])[kind]
    value[60] = 'sun'  # it rains
    ids = [f's{i}' for i in range(len(kind))]
    table = LikelihoodTable(np.array(ids), np.ones(len(kind)), kind,
                            np.full(len(kind), 60))
    tags = Tags('t.csv', tuple(ids), dict(w=tuple(value)))
    seen = TrainingRows({'': rows.astype(np.float16)},
                        {'': np.arange(len(kind))}, '', '')
    found = suspects(table, seen, tags, 'w')
    assert [(s.sample_id, s.value, s.neighbours_value) for s in found] == (
        [('s60', 'sun', 'rain')] if few >= 4 else [])
    assert unheard_line('w', dict(sun=61, rain=few)) == (
        [] if few >= 4 else [
            'tag w: fewer than 4 samples have \'rain\', so whether others '
            'should have it, too, cannot be told'])


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
