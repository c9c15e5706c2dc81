"""From files to a recommendation, by the command."""
import json
import os

import numpy as np
import pytest

from dequity_mmdet3d.commands.recommend import main, parse_args
from dequity_mmdet3d.object_table import ObjectTable
from dequity_mmdet3d.recommend.inputs import (
    Annotations,
    from_config,
    from_info_file,
    look_at,
)
from dequity_mmdet3d.table import LikelihoodTable
from dequity_mmdet3d.tags import Tags
from tests.helpers import save_table
from tests.likelihood.helpers import kitti_info, write_infos

from .worlds import CLEAR, HELD, counts

IDS = [str(i) for i in range(100)]
NAMES = dict(Car=0, Cyclist=1, Van=2, DontCare=-1)


@pytest.fixture
def table(tmp_path):
    return save_table(tmp_path / 't.parquet', dict(zip(IDS, CLEAR)))


@pytest.fixture
def infos(tmp_path):
    """100 entries with the objects of the world 'held', and others."""
    found = []
    for i, (cars, cyclists) in enumerate(counts(**HELD).tolist()):
        labels = [0] * cars + [1] * cyclists + [-1] + [2] * (i == 7)
        found.append(dict(kitti_info(i), instances=[
            dict(bbox_label=label) for label in labels]))
    write_infos(tmp_path / 'kitti_infos_train.pkl', found, categories=NAMES)
    return tmp_path / 'kitti_infos_train.pkl'


def test_an_info_file_is_enough(table, infos, capsys):
    main([table, '--ann-file', str(infos), '--classes', 'Car', 'Cyclist',
          '--json'])
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert (found['recipe'], found['scarcest']) == ('sampling', 'Cyclist')
    assert {c: v['objects'] for c, v in found['classes'].items()} == {
        'Car': 1000, 'Cyclist': 60}
    assert found['classes']['Cyclist']['in_rare_part'] == 1
    assert found['notes'] == [] and said.err == ''


def test_a_config_says_classes_and_table(table, infos, tmp_path, capsys):
    pytest.importorskip('mmengine', reason='mmengine reads the config files')
    config = tmp_path / 'c.py'
    base = dict(type='KittiDataset', data_root=str(tmp_path),
                ann_file=infos.name,
                metainfo=dict(classes=['Cyclist', 'Car']))
    dataset = dict(type='DequityDataset', table=table, dataset=base)
    config.write_text(f'train_dataloader = dict(dataset={dataset!r})\n')
    found = from_config(config)
    assert found.classes == ('Cyclist', 'Car')
    assert found.place.weighted and found.place.table == table
    assert found.counts == from_info_file(infos, ['Car', 'Cyclist']).counts
    main([table, '--config', str(config)])
    said = capsys.readouterr().out
    assert said.startswith('recipe:  sampling:eta=')
    assert f'dequity compare {config} --arms baseline sampling:' in said
    assert 'table=' not in said


def test_classes_are_those_of_the_file(table, infos):
    found = from_info_file(infos)
    facts = look_at(table, found)[0]
    assert facts.classes == ('Car', 'Cyclist', 'Van')
    assert facts.judged.tolist() == [True, True, False]
    with pytest.raises(ValueError, match="but not 'Cra'; correct --classes"):
        from_info_file(infos, ['Cra'])


def test_nothing_annotated(tmp_path, table):
    path = tmp_path / 'x_infos_train.pkl'
    write_infos(path, [kitti_info(0)])
    with pytest.raises(ValueError, match='annotated objects'):
        from_info_file(path)
    write_infos(path, [kitti_info(0)], categories=NAMES)
    with pytest.raises(ValueError, match='none of 1 samples holds an object'):
        look_at(table, from_info_file(path))


def test_what_is_left_out_is_told(table):
    held = {i: dict(Car=1) for i in [*IDS[2:], 'x']}
    facts, _, notes = look_at(table, Annotations(held, ['Car', 'Bus']))
    assert len(facts.likelihood) == 98
    assert [note.split(',')[0] for note in notes] == [
        '2 samples are in the table', '1 sample is annotated',
        "no object of 'Bus'"]
    with pytest.raises(ValueError, match="none of the 100 .* such as 'x'"):
        look_at(table, Annotations({'x': dict(Car=1)}))


def test_tags(table, capsys):
    tags = Tags('f.csv', tuple(IDS), dict(
        light=('day', ) * 80 + ('night', ) * 20, number=tuple(IDS),
        none=('', ) * 100))
    _, told, notes = look_at(table, tags=tags)
    assert {*told} == {'light'} and told['light'] == [
        'day'] * 80 + ['night'] * 20
    assert [note.partition(' has ')[0] for note in notes] == [
        "tag 'number'", "tag 'none'"]


@pytest.fixture
def objects(tmp_path):
    """A Cyclist in each fifth sample; one is neutral, one elsewhere."""
    ids = [*IDS[::5], 'x']
    p = np.ones(21)
    p[:4] = 0.1
    ObjectTable(
        np.array(ids), np.zeros(21, int), np.full(21, 'Cyclist'), p,
        np.zeros(21, int), np.full(21, 20), dict(neutral=[19])
    ).save(tmp_path / 'o.objects.parquet')
    save_table(tmp_path / 'o.parquet', dict.fromkeys(IDS, 0.5))
    return tmp_path / 'o.objects.parquet'


def test_objects(table, objects):
    facts, _, notes = look_at(table, objects=objects)
    assert notes == [f'2 objects of {objects} could not be looked at, or '
                     'are of other samples']
    assert facts.objects.table == str(objects.with_name('o.parquet'))
    assert facts.objects.sample.tolist() == [*range(0, 95, 5)]
    assert facts.objects.by_objects.tolist() == [0.5] * 100
    # of the 19 three stand in rare looks, and none of the four rare ones
    assert facts.rare_objects == (0, 3 / 19) and facts.objects_apart


def test_objects_that_do_not_fit(table, objects, tmp_path):
    with pytest.raises(ValueError, match='is named T.objects.parquet'):
        look_at(table, objects=table)
    made = LikelihoodTable.load(table)
    LikelihoodTable(made.sample_id, made.likelihood, made.cluster_id,
                    made.cluster_size, dict(objects=dict(rule='min'))).save(
                        tmp_path / 'of.parquet')
    with pytest.raises(ValueError, match='was made of objects itself'):
        look_at(tmp_path / 'of.parquet', objects=objects)
    save_table(tmp_path / 'o.parquet', dict.fromkeys(IDS[1:], 0.5))
    with pytest.raises(ValueError, match="lacks 1 of 100 samples, '0'"):
        look_at(table, objects=objects)
    os.remove(tmp_path / 'o.parquet')
    with pytest.raises(FileNotFoundError, match='o.parquet'):
        look_at(table, objects=objects)


@pytest.mark.parametrize('argv, said', [
    (['--classes', 'Car'], '--classes belongs to --ann-file'),
    (['--cfg-options', 'a=1'], '--cfg-options belongs to --config'),
    (['--config', 'a', '--ann-file', 'b'], 'not allowed with')])
def test_arguments_that_do_not_fit(argv, said, capsys):
    with pytest.raises(SystemExit) as end:
        parse_args(['t.parquet', *argv])
    assert end.value.code == 2 and said in capsys.readouterr().err
