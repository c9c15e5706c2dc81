"""What stands in the frames of each world, and how its truth is told."""
import csv
import hashlib
import json
from collections import Counter
from dataclasses import asdict, replace

import numpy as np
import pytest

pytest.importorskip('open3d', reason='Open3D casts the rays',
                    exc_type=ImportError)

from demo.mini_kitti import actors, dataset, layout, plan
from demo.mini_kitti.frames import Settings, make_frame
from demo.mini_kitti.modes import MODES, frequencies
from demo.mini_kitti.road import draw_road
from demo.mini_kitti.worlds import (
    RARE_MODES,
    WORLDS,
    has_rare_kinds,
    world_mode,
)

NAMES = [mode.name for mode in MODES]
COMMON = [name for name in NAMES if name not in RARE_MODES]
TINY = Settings(image_size=(124, 38), render_step=2, azimuth_step=0.8)
# The first world, as version 1.0 of the generator had it.
BOXES = '346b061b44f36332ea59137826e30dc73d1287629126daead7041d50f9e808bd'
PAINTED = 0.6371533410219044


def placed(world, sample):
    """Boxes of a frame without trees, and the stream they were drawn from."""
    rng = np.random.default_rng([0, sample.index])
    mode = world_mode(world, sample.mode, sample.balanced)
    return layout.place_objects(mode, draw_road(mode, rng), [], rng), rng


def counts(world, train=0, val=0):
    """Objects of a plan by (mode, shape), and its frames by mode."""
    samples = plan.plan_samples({
        'train': max(train, 1), 'val': max(val, 1), 'test': 0
    }, 0, ('val', ))
    wanted = 'train' if train else 'val'
    samples = [sample for sample in samples if sample.split == wanted]
    found = Counter()
    for sample in samples:
        found.update(
            (sample.mode, layout.shape_of(b.kind, (b.l, b.w, b.h)))
            for b in placed(world, sample)[0])
    return found, Counter(sample.mode for sample in samples)


def drawn(count, mean):
    """Whether a Poisson count is likely; a full street loses a few."""
    return abs(count - mean) < 4 * mean**0.5 + 0.06 * mean


def share_of(rare, usual, share):
    """Whether `rare` of all are likely, by the binomial law."""
    total = rare + usual
    return abs(rare - share * total) < 4 * (total * share *
                                            (1 - share))**0.5 + 0.05 * rare


def test_the_first_world_keeps_its_objects():
    digest = hashlib.sha256()
    samples = plan.plan_samples({'train': 60, 'val': 12, 'test': 0}, 0)
    for sample in samples:
        boxes, rng = placed('looks', sample)
        digest.update(repr(boxes).encode())
        for box in boxes:
            actors.actor_mesh(box.kind, (box.l, box.w, box.h), box.at,
                              box.yaw, rng)
    assert digest.hexdigest() == BOXES
    # As many colours were drawn as then.
    assert rng.random() == PAINTED


@pytest.mark.parametrize('world', WORLDS)
def test_light_and_streets_are_those_of_the_first_world(world):
    who = dict(pedestrians=0, cyclists=0, rare_kinds=0)
    for balanced in (False, True):
        assert [
            replace(world_mode(world, name, balanced), **who)
            for name in NAMES
        ] == [replace(mode, **who) for mode in MODES]


@pytest.mark.parametrize('world', ['even', 'objects'])
@pytest.mark.parametrize('field', ['pedestrians', 'cyclists', 'moving'])
def test_worlds_hold_as_many_of_each_class(world, field):
    share = frequencies()
    of_looks = sum(share[i] * getattr(MODES[i], field) for i in range(6))
    here = sum(share[i] * getattr(world_mode(world, NAMES[i]), field)
               for i in range(6))
    assert here == pytest.approx(of_looks, rel=1e-12)


def test_even_modes_hold_alike():
    found, frames = counts('even', val=600)
    assert frames == dict.fromkeys(NAMES, 100)
    # 0.599 * 1.6 + 0.184 * 0.03 + 0.093 * 1.2 + 0.057 * 1.5 + 0.039 * 1.2
    # + 0.028 * 1.0 pedestrians and 0.599 * 0.1 + 0.184 * 0.03 + 0.093 * 0.6
    # + 0.057 * 3 + 0.039 * 3.5 + 0.028 * 4 cyclists a frame
    for name in NAMES:
        assert drawn(found[name, 'Pedestrian'], 123.5)
        assert drawn(found[name, 'Cyclist'], 54.0)
    assert not {shape for _, shape in found} & set(layout.RARE_KINDS.values())


def test_rare_objects_stand_in_common_modes():
    found, frames = counts('objects', train=1200)
    shapes = Counter()
    for (name, shape), count in found.items():
        shapes[shape] += count
        assert name in COMMON or shape in ('Car', 'Pedestrian')
    riders = shapes['Cyclist'] + shapes['cargo_bike']
    assert drawn(riders, 1200 * 0.540)
    assert drawn(shapes['Pedestrian'] + shapes['child'], 1200 * 1.235)
    for kind, rare in layout.RARE_KINDS.items():
        usual = sum(found[name, kind] for name in COMMON)
        assert share_of(shapes[rare], usual, 0.06)
    # 1051 of 1200 frames are of the common modes.
    for name in COMMON:
        here = found[name, 'Cyclist'] + found[name, 'cargo_bike']
        assert drawn(here, frames[name] * 0.540 / 0.876)


def test_a_balanced_split_has_as_many_rare_kinds():
    found, _ = counts('objects', val=300)
    for kind, rare in layout.RARE_KINDS.items():
        for name in COMMON:
            assert share_of(found[name, rare], found[name, kind], 0.5)
        assert not any(found[name, rare] for name in RARE_MODES)
    assert not any(found[name, 'Cyclist'] for name in RARE_MODES)


def test_a_label_tells_the_shape():
    rng = np.random.default_rng(0)
    for kind, rare in layout.RARE_KINDS.items():
        for shape in (kind, rare):
            for _ in range(500):
                size = [round(v, 2) for v in layout._size(shape, rng)]
                assert layout.shape_of(kind, size) == shape
        # Nor do the ends of the two ranges meet, in one dimension at least.
        (means, spread), (others, more) = (
            np.transpose(layout._SIZES[shape]) for shape in (kind, rare))
        gap = np.abs(means - others) - layout._MOST * (spread + more)
        assert gap.max() > 0.02


@pytest.mark.parametrize('shape', actors.SHAPES)
def test_shapes_fill_their_boxes(shape):
    size, at = np.array([2.5, 0.8, 1.6]), np.array([20.0, -3.0, 0.12])
    for style in range(actors.SHAPES[shape].styles):
        vertices = actors.template(shape, style).vertices
        np.testing.assert_array_equal(vertices.min(0), [-0.5, -0.5, 0])
        np.testing.assert_array_equal(vertices.max(0), [0.5, 0.5, 1])
    mesh = actors.actor_mesh(shape, size, at, 0.0, np.random.default_rng(0))
    foot = size * [0.5, 0.5, 0]
    np.testing.assert_allclose(mesh.vertices.min(0), at - foot, atol=1e-5)
    np.testing.assert_allclose(mesh.vertices.max(0),
                               at + foot + size * [0, 0, 1], atol=1e-5)
    # Shapes have their own outline; a scaled one of the class would not do.
    others = {
        actors.template(other, 0).vertices.tobytes()
        for other in actors.SHAPES if other != shape
    }
    assert actors.template(shape, 0).vertices.tobytes() not in others


def test_only_other_worlds_are_described():
    one = {'train': 6, 'val': 6, 'test': 0}
    told = {
        world: plan.describe(replace(TINY, world=world), one)
        for world in WORLDS
    }
    assert 'world' not in json.dumps(told['looks'])
    assert [told[world]['settings'].pop('world')
            for world in ('even', 'objects')] == ['even', 'objects']
    assert told['looks'] == told['even'] == told['objects']
    assert set(told['looks']['settings']) == set(asdict(TINY)) - {'world'}
    with pytest.raises(ValueError, match="looks, even, objects, got 'odd'"):
        world_mode('odd', 'fog')


def test_truth_of_the_objects(tmp_path):
    settings = replace(TINY, world='objects')
    frames = {'train': 2, 'val': 6, 'test': 1}
    samples = dataset.make_data_set(tmp_path, settings, frames,
                                    balanced=('val', ))
    expected = []
    for sample in samples[:8]:
        made = make_frame(settings, sample.index, sample.mode,
                          sample.split == 'val')
        boxes = [label.box for label in made.labels if label.care]
        for number, box in enumerate(boxes):
            rare = {'Car': box.h > 2, 'Pedestrian': box.h < 1.4,
                    'Cyclist': box.l > 2.2}[box.kind]
            kind = layout.RARE_KINDS[box.kind] if rare else 'usual'
            expected.append((sample.name, str(number), box.kind, kind))
    path = tmp_path / 'objects.csv'
    rows = list(csv.reader(path.open()))
    assert rows[0] == ['sample_id', 'object', 'class', 'kind']
    assert [tuple(row) for row in rows[1:]] == expected
    assert {kind for *_, kind in expected} >= {'usual', 'van', 'child'}

    # Resumed, the truth is whole again; of another world, it is gone.
    before = path.read_bytes()
    path.unlink()
    (tmp_path / 'training/label_2/000004.txt').unlink()
    dataset.make_data_set(tmp_path, settings, frames, balanced=('val', ))
    assert path.read_bytes() == before
    few = {'train': 1, 'val': 1, 'test': 0}
    with pytest.raises(ValueError, match='world: objects there, None asked'):
        dataset.make_data_set(tmp_path, TINY, few)
    dataset.make_data_set(tmp_path, TINY, few, overwrite=True)
    assert not path.exists() and (tmp_path / 'modes.csv').exists()


def test_which_worlds_have_rare_kinds():
    assert [has_rare_kinds(world) for world in WORLDS] == [False, False, True]
