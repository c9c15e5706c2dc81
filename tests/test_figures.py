"""Names of figures: what upstream and this package write, and what it says."""
import pytest

from dequity_mmdet3d.figures import (
    Figure,
    matching,
    objects_behind,
    parse,
    shared_prefix,
    with_gap,
)

KITTI = 'Kitti metric/pred_instances_3d/KITTI'
NUS = 'NuScenes metric/pred_instances_3d_NuScenes'
NAMES = {
    f'{KITTI}/Car_3D_AP40_moderate_strict':
    Figure('', 'Car', '3D_AP40', 'moderate', 'strict', KITTI),
    f'{KITTI}/rare/Car_BEV_AP11_easy_loose':
    Figure('rare', 'Car', 'BEV_AP11', 'easy', 'loose', KITTI),
    f'{KITTI}/Overall_2D_AP40_hard':
    Figure('', 'Overall', '2D_AP40', 'hard', '', KITTI),
    f'{KITTI}/common/Cyclist_hard_objects':
    Figure('common', 'Cyclist', 'objects', 'hard', '', KITTI),
    f'{KITTI}/middle/frames': Figure('middle', '', 'frames', prefix=KITTI),
    f'{NUS}/gap/construction_vehicle_AP':
    Figure('gap', 'construction_vehicle', 'AP', prefix=NUS),
    f'{NUS}/rare/traffic_cone_objects':
    Figure('rare', 'traffic_cone', 'objects', prefix=NUS),
    f'{NUS}/rare/objects': Figure('rare', '', 'objects', prefix=NUS),
    f'{NUS}/mAP': Figure('', '', 'mAP', prefix=NUS),
    f'{KITTI}/object=rare/Car_3D_recall_moderate_strict':
    Figure('object=rare', 'Car', '3D_recall', 'moderate', 'strict', KITTI),
    f'{NUS}/object=gap/traffic_cone_recall':
    Figure('object=gap', 'traffic_cone', 'recall', prefix=NUS),
    f'{NUS}/object=rare/mean_recall':
    Figure('object=rare', '', 'mean_recall', prefix=NUS),
    'rare/car_AP': Figure('rare', 'car', 'AP'),
    'KITTI/Car_3D_AP40_easy_strict':
    Figure('', 'Car', '3D_AP40', 'easy', 'strict', 'KITTI'),
    'mAP': Figure('', '', 'mAP'),
}


@pytest.mark.parametrize('name', NAMES)
def test_names_are_read_and_written(name):
    assert parse(name) == NAMES[name]
    assert NAMES[name].name() == name


@pytest.mark.parametrize('name', [
    f'{NUS}/NDS', f'{NUS}/car_AP_dist_0.5', f'{NUS}/car_trans_err',
    f'{NUS}/mATE', 'loss', 'dequity_loss_rare', 'rare/', '',
    'rare/Car_3D_AP40_moderate_strict_more'])
def test_names_of_another_grammar(name):
    assert parse(name) is None
    assert objects_behind(name, {'rare/objects': 1.0}) is None


def test_a_stratum_is_a_whole_part_of_the_name():
    assert parse('a/unrare/b_AP').stratum == ''
    assert parse('rare/b/c_AP') == Figure('', 'c', 'AP', prefix='rare/b')
    assert parse('a/rare_b_AP').cls == 'rare_b'


def test_objects_of_a_figure():
    ap = Figure('rare', 'Car', '3D_AP40', 'hard', 'strict', KITTI)
    assert ap.objects().name() == f'{KITTI}/rare/Car_hard_objects'
    assert ap.on('gap').objects().name() == f'{KITTI}/gap/Car_hard_objects'
    assert Figure('rare', '', 'mAP').objects().name() == 'rare/objects'
    assert ap.objects().is_count and not ap.is_count


def test_gap():
    got = with_gap({'rare/a_AP': 1.0, 'common/a_AP': 3.0, 'rare/b_AP': 1.0,
                    'rare/a_n': 1.0, 'common/a_n': 1.0, 'rare/mAP': 2.0,
                    'common/mAP': 1.5, 'rare/a_objects': 4.0,
                    'common/a_objects': 9.0})
    assert {k: v for k, v in got.items() if 'gap' in k} == {
        'gap/a_AP': -2.0, 'gap/mAP': 0.5}


def test_objects_behind_gaps_and_sums():
    found = {f'K/{s}/Car_moderate_objects': n
             for s, n in (('rare', 7.0), ('middle', 2.0), ('common', 4.0))}
    name = 'Car_3D_AP40_moderate_strict'
    assert [objects_behind(f'K/{s}{name}', found) for s in (
        'rare/', 'gap/', '', 'other/')] == [7, 4, 13, None]
    assert objects_behind('K/rare/Car_moderate_objects', found) is None
    del found['K/middle/Car_moderate_objects']
    assert objects_behind(f'K/{name}', found) is None
    assert objects_behind(f'K/gap/{name}', found) == 4


def test_objects_behind_figures_on_objects():
    found = {f'K/object={s}/{c}objects': n for s, n in (
        ('rare', 7.0), ('middle', 2.0), ('common', 4.0))
        for c in ('', 'Car_')}
    for name in ('Car_AP', 'Car_recall', 'mean_recall', 'mAP'):
        assert [objects_behind(f'K/object={s}/{name}', found)
                for s in ('rare', 'gap')] == [7, 4]


def test_names_of_objects_are_shown_unasked():
    names = [f'{KITTI}/object=rare/Car_3D_recall_moderate_strict',
             f'{KITTI}/object=gap/Car_3D_AP40_moderate_strict',
             f'{NUS}/object=rare/mean_recall', f'{NUS}/object=rare/mAP',
             f'{KITTI}/object=rare/Car_3D_recall_easy_strict',
             f'{NUS}/object=rare/car_recall']
    assert matching(names) == names[:4]
    assert matching(names, ['*/object=*recall*']) == [
        names[0], names[2], *names[4:]]


def test_names_that_match():
    names = [f'{KITTI}/rare/Car_3D_AP40_moderate_strict',
             f'{KITTI}/rare/Car_3D_AP40_easy_strict', f'{NUS}/NDS',
             f'{NUS}/rare/mAP', f'{NUS}/rare/car_AP']
    assert matching(names) == [names[0], *names[2:4]]
    assert matching(names, ['*/car_*']) == names[4:]
    assert matching(names, ['nothing']) == names


def test_shared_prefix():
    assert shared_prefix([f'{KITTI}/rare/Car_AP', f'{KITTI}/rarest_AP']) == (
        f'{KITTI}/')
    assert shared_prefix(['a/b']) == 'a/'
    assert shared_prefix(['ab', 'ac']) == shared_prefix([]) == ''
