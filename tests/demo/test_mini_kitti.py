"""The mini KITTI: its geometry against slow formulas, its folder's manners.

Expected values come from KITTI's own formulas, written out again here
without the package, and from scenes whose answer is known by hand.
"""
import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('open3d', reason='Open3D casts the rays',
                    exc_type=ImportError)

from demo.mini_kitti import camera, dataset, labels, lidar, modes, plan  # noqa: E402
from demo.mini_kitti.boxes import Box, box_from_world, separated
from demo.mini_kitti.calib import format_calib, make_calib
from demo.mini_kitti.frames import Settings, frame_files, make_frame
from demo.mini_kitti.layout import place_objects
from demo.mini_kitti.road import draw_road
from demo.mini_kitti.scene import Scene
from demo.mini_kitti.shapes import box as block
from dequity_mmdet3d.temporary_file import _here

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / 'tools' / 'make_mini_kitti.py'
SMALL = Settings(image_size=(414, 125), render_step=1, azimuth_step=0.4)
TINY = Settings(image_size=(124, 38), render_step=2, azimuth_step=2.0)
COUNTS = {'train': 4, 'val': 2, 'test': 1}
MODE_NAMES = [mode.name for mode in modes.MODES]


@pytest.fixture(scope='module')
def frames():
    """Two frames of each mode, two with many objects of rare kinds: (mode,
    frame).
    """
    rare = replace(SMALL, world='objects')
    return [(name, make_frame(SMALL, 10 * i + j, name))
            for i, name in enumerate(MODE_NAMES) for j in range(2)
            ] + [(name, make_frame(rare, 100, name, balanced=True))
                 for name in ('city_day', 'dusk')]


def read_calib(text):
    """KITTI's calibration, read as its devkit does."""
    rows = dict(line.split(':', 1) for line in text.split('\n') if line)
    return {
        key: np.array([float(v) for v in value.split()])
        for key, value in rows.items()
    }


def to_rect(calib, points):
    """R0_rect @ Tr_velo_to_cam @ [x; 1], point by point."""
    r0 = calib['R0_rect'].reshape(3, 3)
    tr = calib['Tr_velo_to_cam'].reshape(3, 4)
    return np.array([r0 @ (tr[:, :3] @ p + tr[:, 3]) for p in points])


def to_pixels(calib, points):
    p2 = calib['P2'].reshape(3, 4)
    homogeneous = np.array([p2[:, :3] @ p + p2[:, 3] for p in points])
    return homogeneous[:, :2] / homogeneous[:, 2:]


def devkit_corners(h, w, l, x, y, z, ry):  # noqa: E741
    """computeBox3D of KITTI's devkit."""
    turn = np.array([[np.cos(ry), 0, np.sin(ry)], [0, 1, 0],
                     [-np.sin(ry), 0, np.cos(ry)]])
    corners = np.array(
        [[l / 2, l / 2, -l / 2, -l / 2, l / 2, l / 2, -l / 2, -l / 2],
         [0, 0, 0, 0, -h, -h, -h, -h],
         [w / 2, -w / 2, -w / 2, w / 2, w / 2, -w / 2, -w / 2, w / 2]])
    return (turn @ corners).T + [x, y, z]


def inside(box, points, slack):
    """Whether rectified points lie in a box grown by `slack`, (N,) bool."""
    offset = points - [box.x, box.y - box.h / 2, box.z]
    cos, sin = np.cos(box.rotation_y), np.sin(box.rotation_y)
    along = cos * offset[:, 0] - sin * offset[:, 2]
    across = sin * offset[:, 0] + cos * offset[:, 2]
    return ((np.abs(along) <= box.l / 2 + slack)
            & (np.abs(across) <= box.w / 2 + slack)
            & (np.abs(offset[:, 1]) <= box.h / 2 + slack))


def test_frequencies_follow_a_power_law():
    share = modes.frequencies()
    assert share[0] > 0.45 and 0.02 < share[-1] < 0.035
    ranks = np.arange(1, len(share) + 1)
    slope = np.polyfit(np.log(ranks), np.log(share), 1)[0]
    assert slope == pytest.approx(-modes.POWER)


def test_counts_by_hand():
    # 10 * (0.5, 0.3, 0.15, 0.05): floors 5 3 1 0, one left, and the first
    # of the equal remainders 0.5 is the more frequent. The mode that would
    # get none takes one from the largest.
    share = np.array([0.5, 0.3, 0.15, 0.05])
    assert modes.mode_counts(10, share) == [4, 3, 2, 1]
    assert modes.mode_counts(3, share) == [2, 1, 0, 0]
    assert modes.mode_counts(0, share) == [0, 0, 0, 0]


def test_plan_numbers_frames_and_covers_modes():
    samples = plan.plan_samples({'train': 60, 'val': 12, 'test': 3}, 5)
    assert [s.index for s in samples] == list(range(75))
    assert [s.split for s in samples
            ] == ['train'] * 60 + ['val'] * 12 + ['test'] * 3
    for split in ('train', 'val'):
        found = Counter(s.mode for s in samples if s.split == split)
        assert set(found) == set(MODE_NAMES)
    again = plan.plan_samples({'train': 60, 'val': 12, 'test': 3}, 6)
    assert [s.mode for s in samples] != [s.mode for s in again]
    with pytest.raises(ValueError, match='--val must be at least 1, got 0'):
        plan.plan_samples({'train': 6, 'val': 0, 'test': 0}, 0)


def test_balanced_split_has_all_modes_alike():
    counts = {'train': 60, 'val': 18, 'test': 0}
    usual = plan.plan_samples(counts, 5)
    samples = plan.plan_samples(counts, 5, balanced=('val', ))
    found = Counter(s.mode for s in samples if s.split == 'val')
    assert found == dict.fromkeys(MODE_NAMES, 3)
    assert samples[:60] == usual[:60]
    settings = SMALL
    assert 'balanced' not in plan.describe(settings, counts)
    assert plan.describe(settings, counts, ('val', ))['balanced'] == ['val']


def test_label_rows_match_the_projection(frames):
    checked = 0
    for _, frame in frames:
        calib = read_calib(format_calib(frame.calib))
        for row in labels.format_labels(frame.labels).splitlines():
            name, *numbers = row.split()
            assert len(numbers) == 14
            (truncated, occluded, alpha, left, top, right, bottom, h, w, l, x,
             y, z, ry) = map(float, numbers)
            if name == 'DontCare':
                continue
            pixels = to_pixels(calib, devkit_corners(h, w, l, x, y, z, ry))
            low, high = pixels.min(0), pixels.max(0)
            cut_low = np.clip(low, 0, [413, 124])
            cut_high = np.clip(high, 0, [413, 124])
            np.testing.assert_allclose([left, top, right, bottom],
                                       [*cut_low, *cut_high], atol=0.02)
            lost = 1 - np.prod(cut_high - cut_low) / np.prod(high - low)
            assert truncated == pytest.approx(lost, abs=0.006)
            gap = alpha - (ry - np.arctan2(x, z))
            assert abs((gap + np.pi) % (2 * np.pi) - np.pi) < 0.006
            assert occluded in (0, 1, 2) and 4 < z < 62
            checked += 1
    assert checked > 40


def test_points_lie_on_what_they_hit(frames):
    for name, frame in frames:
        calib = read_calib(format_calib(frame.calib))
        scan, scene = frame.scan, frame.world.scene
        rect = to_rect(calib, scan.points[:, :3].astype(np.float64))
        world = np.column_stack([rect[:, 2], -rect[:, 0], 1.65 - rect[:, 1]])
        on = scan.triangle >= 0
        off = scene.distance_to_surface(world[on])
        assert off.max() <= 4 * lidar.RANGE_SIGMA + 1e-3
        # Noise is along the ray: not all of it leaves the surface.
        assert 0.001 < off.std() < lidar.RANGE_SIGMA
        assert len(scan.points) > 3000
        if name in ('city_day', 'motorway'):
            assert on.all()
        reflectance = scan.points[:, 3]
        assert reflectance.min() >= 0 and reflectance.max() < 1
        owner = np.where(on, scene.owner[scan.triangle], -1)
        for i, box in enumerate(scene.boxes):
            assert inside(box, rect[owner == i], 0.081).all()
        for label in frame.labels:
            if label.care:
                assert inside(label.box, rect, 0.081).sum() >= 3


def test_points_project_onto_their_objects(frames):
    # The lidar stands 0.3 m from the camera: along outlines the two see
    # different things.
    same = total = 0
    for _, frame in frames:
        calib = read_calib(format_calib(frame.calib))
        on = frame.scan.triangle >= 0
        owner = frame.world.scene.owner[frame.scan.triangle[on]]
        points = frame.scan.points[on, :3][owner >= 0].astype(np.float64)
        owner = owner[owner >= 0]
        pixels = np.rint(to_pixels(calib, to_rect(calib, points))).astype(int)
        seen = ((pixels >= 0) & (pixels < [414, 125])).all(1)
        u, v = pixels[seen].T
        same += (frame.picture.owner[v, u] == owner[seen]).sum()
        total += seen.sum()
    assert total > 2000 and same / total > 0.93


def test_separation_by_hand():
    square = (0.0, 0.0, 0.0, 2.0, 2.0)
    # A square on its corner reaches sqrt(2) towards its neighbour's 1.
    assert separated(square, (2.45, 0.0, np.pi / 4, 2.0, 2.0))
    assert not separated(square, (2.38, 0.0, np.pi / 4, 2.0, 2.0))
    assert not separated(square, (0.1, 0.1, 0.3, 0.2, 0.2))


def test_no_two_objects_overlap(frames):
    grid = np.linspace(-0.5, 0.5, 21)
    for _, frame in frames:
        for i, one in enumerate(frame.world.scene.boxes):
            a, b = (g.ravel() for g in np.meshgrid(grid * one.l, grid * one.w))
            cos, sin = np.cos(one.rotation_y), np.sin(one.rotation_y)
            fill = np.column_stack([
                one.x + cos * a + sin * b,
                np.full(a.size, one.y - 0.4), one.z - sin * a + cos * b
            ])
            assert inside(one, fill, 1e-9).all()
            for other in frame.world.scene.boxes[i + 1:]:
                assert not inside(other, fill, 0.0).any()


def test_cyclists_are_mostly_in_rare_modes():
    samples = plan.plan_samples({'train': 500, 'val': 1, 'test': 0}, 0)
    found = Counter()
    for sample in samples:
        rng = np.random.default_rng([0, sample.index])
        mode = modes.BY_NAME[sample.mode]
        boxes = place_objects(mode, draw_road(mode, rng), [], rng)
        found.update((sample.mode, box.kind) for box in boxes)
    rare = sum(found[name, 'Cyclist'] for name in ('rain', 'night', 'fog'))
    common = sum(found[name, 'Cyclist'] for name in ('city_day', 'motorway'))
    assert rare > 0.65 * sum(
        found[name, 'Cyclist'] for name in MODE_NAMES)
    assert common > 0
    assert all(found['city_day', kind] > 0
               for kind in ('Car', 'Pedestrian', 'Cyclist'))


def hidden_scene(shown):
    """A box 10 m ahead, and nearer a wall that leaves `shown` of it."""
    box = box_from_world('Car', (2.0, 2.0, 2.0), (10.0, 0.0, 0.65), 0.0)
    target = block((10.0, 0.0, 1.65), (2.0, 2.0, 2.0), 'paint')
    # The front is 9 m away, 2 m wide; the wall at 4.5 m casts it doubled.
    edge = (1.0 - 2.0 * shown) / 2
    wall = block((4.5, edge - 5.0, 2.0), (0.001, 10.0, 8.0), 'metal')
    return Scene([wall], [target], [box], np.zeros((0, 3), np.float32))


@pytest.mark.parametrize('shown, level', [(1.0, 0), (0.6, 1), (0.25, 2)])
def test_visibility_by_hand(shown, level):
    calib = make_calib((1242, 375))
    scene = hidden_scene(shown)
    _, cut = labels.image_box(scene.boxes[0], calib, (1242, 375))
    share, _ = labels.visibility(scene, calib, [cut])
    # One of 16 columns, and the camera's 6 cm beside the middle.
    assert share[0] == pytest.approx(shown, abs=0.09)
    label, = labels.make_labels(scene, calib, (1242, 375), np.array([50]))
    assert label.occluded == level and label.care


def test_hidden_objects_have_no_row_and_bare_ones_are_dontcare():
    calib = make_calib((1242, 375))
    none = labels.make_labels(hidden_scene(-0.3), calib, (1242, 375),
                              np.array([0]))
    assert none == []
    bare = labels.make_labels(hidden_scene(1.0), calib, (1242, 375),
                              np.array([2]))
    assert labels.format_labels(bare).startswith('DontCare -1 -1 -10 ')


def test_a_label_says_where_a_car_looks():
    # Straight ahead in the world is -pi/2 in KITTI; 3 m to the left is
    # x = -3, on the ground 1.65 m below the camera.
    box = box_from_world('Car', (4.0, 1.6, 1.5), (12.0, 3.0, 0.0), 0.0)
    assert box == Box('Car', 1.5, 1.6, 4.0, -3.0, 1.65, 12.0, -1.57)


def test_a_picture_of_nothing_is_sky():
    scene = Scene([], [], [], np.zeros((0, 3), np.float32))
    rng = np.random.default_rng(0)
    mode = modes.BY_NAME['fog']
    look, road = modes.draw_look(mode, rng), draw_road(mode, rng)
    calib = make_calib((124, 38))
    picture = camera.render(scene, look, road, calib, (124, 38), 1, rng)
    assert picture.image.shape == (38, 124, 3) and picture.image.std() < 20
    assert (picture.owner == -1).all()
    scan = lidar.scan(scene, look, calib, 2.0, 90.0, rng)
    assert (scan.triangle == -1).all()  # fog's own droplets, at most
    assert labels.make_labels(scene, calib, (124, 38), np.zeros(0)) == []


def test_fog_dims_the_lidar():
    rng = np.random.default_rng(0)
    clear, fog = (modes.draw_look(modes.BY_NAME[name], rng)
                  for name in ('city_day', 'fog'))
    args = np.array([40.0]), np.array([0.7]), np.array([0.4])
    ground = np.array([False])
    ratio = (lidar.return_probability(*args, fog, ground) /
             lidar.return_probability(*args, clear, ground))
    assert ratio[0] == pytest.approx(np.exp(-80 * (fog.fog - clear.fog)))
    elevations = np.degrees(lidar.beam_elevations())
    assert len(elevations) == 64 and elevations[0] == 2.0
    assert -24.9 < elevations[-1] < -24.2 and (np.diff(elevations) < 0).all()


def test_frames_depend_on_seed_and_index_only():
    first = frame_files(TINY, 3, 'rain')
    make_frame(TINY, 4, 'night')
    assert frame_files(TINY, 3, 'rain') == first
    assert frame_files(TINY, 4, 'rain')['velodyne'] != first['velodyne']
    assert frame_files(Settings(**{
        **TINY.__dict__, 'seed': 1
    }), 3, 'rain')['velodyne'] != first['velodyne']


def contents(root):
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob('*')) if path.is_file()
    }


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp('mini') / 'kitti'
    samples = dataset.make_data_set(root, TINY, COUNTS)
    return root, samples


def test_layout_is_kittis(made):
    root, samples = made
    lists = {path.stem: path.read_text().split()
             for path in (root / 'ImageSets').iterdir()}
    assert lists == {
        'train': ['000000', '000001', '000002', '000003'],
        'val': ['000004', '000005'], 'test': ['000006'],
        'trainval': [f'{i:06d}' for i in range(6)]
    }
    rows = list(csv.DictReader((root / 'modes.csv').open()))
    assert [(r['sample_id'], r['split'], r['mode']) for r in rows
            ] == [(s.name, s.split, s.mode) for s in samples]
    names = {path for path in contents(root) if path.count('/') == 2}
    assert names == {path for s in samples for path in s.files.values()}
    assert len(names) == 6 * 4 + 3
    points = np.fromfile(root / 'training/velodyne/000000.bin', '<f4')
    assert points.size % 4 == 0 and points.size > 400
    assert (root / 'training/image_2/000000.png').read_bytes()[1:4] == b'PNG'


def test_workers_do_not_change_the_bytes(made, tmp_path):
    steps = []
    dataset.make_data_set(tmp_path, TINY, COUNTS, workers=2,
                          progress=lambda *step: steps.append(step))
    assert contents(tmp_path) == contents(made[0])
    assert steps == [(i, 7) for i in range(8)]


def test_resume_makes_only_what_is_missing(made):
    root, _ = made
    before = contents(root)
    times = {path: (root / path).stat().st_mtime_ns for path in before}
    (root / 'training/label_2/000002.txt').unlink()
    left = root / 'training/velodyne' / f'{_here()}-0.tmp'
    left.write_bytes(b'half')  # and no process holds it
    steps = []
    dataset.make_data_set(root, TINY, COUNTS,
                          progress=lambda *step: steps.append(step))
    assert steps == [(0, 1), (1, 1)] and contents(root) == before
    again = {path for path in before if '000002' in path}
    for path, old in times.items():
        if path.startswith(('training', 'testing')) and path not in again:
            assert (root / path).stat().st_mtime_ns == old


def test_a_failed_run_has_no_finished_mark(monkeypatch, tmp_path):
    write = dataset.write_frame

    def full_disk(root, settings, sample):
        if sample.index == 2:
            raise OSError(28, 'No space left on device')
        return write(root, settings, sample)

    monkeypatch.setattr(dataset, 'write_frame', full_disk)
    with pytest.raises(OSError, match='No space left'):
        dataset.make_data_set(tmp_path, TINY, COUNTS)
    assert not (tmp_path / 'modes.csv').exists()
    monkeypatch.undo()
    dataset.make_data_set(tmp_path, TINY, COUNTS)
    assert (tmp_path / 'modes.csv').exists()


def test_folders_are_not_mixed(tmp_path):
    one = {'train': 1, 'val': 1, 'test': 0}
    root = tmp_path / 'data'
    dataset.make_data_set(root, TINY, one)
    other = Settings(**{**TINY.__dict__, 'seed': 7})
    before = contents(root)
    with pytest.raises(ValueError, match='seed: 0 there, 7 .*--overwrite'):
        dataset.make_data_set(root, other, one)
    assert contents(root) == before
    (root / 'kitti_infos_train.pkl').write_bytes(b'of the old data')
    (root / 'notes.txt').write_text('mine')
    dataset.make_data_set(root, other, one, overwrite=True)
    assert json.loads((root / 'mini_kitti.json').read_text()
                      )['settings']['seed'] == 7
    assert not (root / 'kitti_infos_train.pkl').exists()
    assert (root / 'notes.txt').exists()

    # An interrupted removal leaves an empty mark.
    dataset.remove_data_set(root)
    with pytest.raises(ValueError, match='does not describe.*--overwrite'):
        dataset.make_data_set(root, TINY, one)

    foreign = tmp_path / 'foreign'
    foreign.mkdir()
    (foreign / 'training').mkdir()
    for overwrite in (False, True):
        with pytest.raises(ValueError, match='not a data set of this tool'):
            dataset.make_data_set(foreign, TINY, one, overwrite=overwrite)
    assert [path.name for path in foreign.iterdir()] == ['training']


def tool(*arguments, **options):
    return subprocess.run([sys.executable, str(TOOL), *map(str, arguments)],
                          capture_output=True, text=True, **options)


def test_tool_says_what_is_wrong(tmp_path):
    assert tool(tmp_path, '--train', '0').returncode == 2
    said = ' '.join(tool('--help').stdout.split())  # however it is wrapped
    assert '1242 375' in said and '--world {looks,even,objects}' in said
    (tmp_path / 'file').write_text('')
    failed = tool(tmp_path / 'file', '--train', '1', '--val', '1')
    assert failed.returncode == 1
    assert failed.stderr.strip().splitlines()[-1].startswith('error: ')
    assert 'Traceback' not in failed.stderr


def test_tool_can_be_interrupted_and_goes_on(tmp_path):
    command = [sys.executable, str(TOOL), str(tmp_path), '--train', '40',
               '--val', '1', '--workers', '2', '--image-size', '124', '38',
               '--azimuth-step', '1']
    run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True,
                           start_new_session=True)
    deadline = time.monotonic() + 60
    labels_folder = tmp_path / 'training' / 'label_2'
    while time.monotonic() < deadline and not (
            labels_folder.exists() and any(labels_folder.iterdir())):
        time.sleep(0.02)
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does
    _, said = run.communicate(timeout=60)
    assert run.returncode == 130 and 'Traceback' not in said
    assert not (tmp_path / 'modes.csv').exists()
    assert not list(tmp_path.rglob('.*'))
    done = len(list(labels_folder.iterdir()))
    assert 0 < done < 41
    command[command.index('--workers') + 1] = '1'
    assert subprocess.run(command, capture_output=True).returncode == 0
    assert len(list(labels_folder.iterdir())) == 41


def test_the_generator_does_without_the_host():
    code = ('import sys; import demo.mini_kitti as m; '
            'assert "open3d" not in sys.modules; '
            'import demo.mini_kitti.dataset; '
            'bad = {"mmdet3d", "mmengine", "mmcv", "torch"} & set('
            'sys.modules); assert not bad, bad')
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
