"""Tags as small numbers, and compositions, by hand."""
import json

import numpy as np

from dequity_mmdet3d.report.tags import (
    UNTOLD,
    composition,
    encode_tags,
    tag_data,
)
from dequity_mmdet3d.tags import MAX_VALUES, Tags

IDS = list('abcdef')
TAGS = Tags('t.csv', tuple('fedcbax'), dict(
    weather=('', 'sun', 'sun', 'fog', 'rain', 'sun', 'hail'),
    nothing=('', ) * 7))


def test_codes():
    (weather, ), notes = encode_tags(TAGS, IDS)
    # of the table's samples; the most frequent first, then by name
    assert weather.values == ['sun', 'fog', 'rain', UNTOLD]
    assert weather.codes.tolist() == [0, 2, 1, 0, 0, 3]
    assert notes == ["The tag 'nothing' is not shown: no sample of the table "
                     'has it.']
    assert encode_tags(None, IDS) == ([], [])


def test_numbers_are_no_tags():
    ids = [str(i) for i in range(MAX_VALUES + 1)]
    tags = Tags('t.csv', tuple(ids), dict(speed=tuple(ids)))
    found, notes = encode_tags(tags, ids)
    assert not found and 'it has 51 values, of at most 50' in notes[0]
    (speed, ), notes = encode_tags(tags, ids[1:])
    assert len(speed.values) == 50 and not notes


def test_composition():
    found, _ = encode_tags(TAGS, IDS)
    (shares, ) = composition(found, np.array([1, 1, 1, 1, 0, 1], bool))
    assert shares.parts == [(0, 0.4), (1, 0.2), (2, 0.2), (3, 0.2)]
    assert shares.text == 'sun 40%, fog 20%, rain 20%, 1 more 20%'
    (shares, ) = composition(found, np.arange(6) == 1)
    assert (shares.parts, shares.text) == ([(2, 1.0)], 'rain 100%')
    assert composition([], np.ones(6, bool)) == []


def test_for_the_script():
    found, _ = encode_tags(TAGS, IDS)
    own = np.arange(6) < 2
    (weather, ) = json.loads(json.dumps(tag_data(
        found, np.array([1, 5]), [own, ~own])))
    assert weather == dict(
        name='weather', values=['sun', 'fog', 'rain', UNTOLD], code=[2, 3],
        n=[3, 1, 1, 1], clusters=[[1, 0, 1, 0], [2, 1, 0, 1]])
    assert tag_data([], np.array([1]), [own]) == []
