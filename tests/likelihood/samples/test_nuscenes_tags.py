"""Tags from nuScenes' own tables, written here by hand."""
import json

import pytest

from dequity_mmdet3d.likelihood.samples.nuscenes_tags import nuscenes_tags


def write(root, version, scenes, samples):
    folder = root / version
    folder.mkdir(parents=True)
    tables = dict(
        log=[dict(token='l1', location='boston-seaport'),
             dict(token='l2', location='')],
        scene=[dict(token=t, description=text, log_token=log)
               for t, text, log in scenes],
        sample=[dict(token=t, scene_token=s) for t, s in samples])
    for name, table in tables.items():
        (folder / f'{name}.json').write_text(json.dumps(table))
    return folder


def test_by_hand(tmp_path):
    write(tmp_path, 'v1.0-trainval',
          [('a', 'Night, after rain, many peds', 'l1'),
           ('b', 'Parked cars', 'l2')],
          [('1', 'a'), ('2', 'b'), ('3', 'b')])
    write(tmp_path, 'v1.0-test', [('c', 'Rain', 'l1')], [('4', 'c')])
    tags = nuscenes_tags(tmp_path, ['2', '1', '4'])
    assert tags.ids == ('2', '1', '4')
    assert tags.columns == dict(
        time=('day', 'night', 'day'), weather=('dry', 'rain', 'rain'),
        location=('unknown', 'boston-seaport', 'boston-seaport'))
    # not of all: then of none
    assert nuscenes_tags(tmp_path, ['1', '9']) is None
    assert nuscenes_tags(tmp_path / 'no', ['1']) is None


@pytest.mark.parametrize('damage, says', [
    ('{', "scene.json: it is no table of nuScenes'"),
    ('[{"token": "a"}]', r"scene.json, row 0: .*it has no 'description'"),
    ('[1]', 'scene.json, row 0: .*must be a dict, but is int'),
    ('{"a": 1}', 'scene.json: .*must be a list, but is dict'),
    ('[]', "sample.json, row 1: .*its 'scene_token' names nothing"),
    ('[{"token": "a", "description": "", "log_token": "l9"}]',
     "scene.json, row a: .*its 'log_token' names nothing")])
def test_damaged_tables_are_said(tmp_path, damage, says):
    folder = write(tmp_path, 'v1.0-mini', [('a', '', 'l1')], [('1', 'a')])
    (folder / 'scene.json').write_text(damage)
    with pytest.raises(ValueError, match=f'{folder}/{says}.*; mend it, or'):
        nuscenes_tags(tmp_path, ['1'])
