"""A tiny data set in nuScenes' own layout, as its download unpacks.

The car drives towards -x of the world at 5 m/s. Its lidar stands 1 m before
and 1.8 m above its origin and looks as the real one does: y ahead, x to the
right. A point (x, y, z) of the world is therefore at

    (y - 50, 99 - 5 t - x, z - 1.8)

of the lidar, t seconds after the scene's first key frame.
"""
import hashlib
import json
from typing import NamedTuple

import numpy as np
from PIL import Image
from pyquaternion import Quaternion

START = 1_533_000_000_000_000  # microseconds
TIMES = (0.0, 0.2, 0.4, 0.6)  # lidar frames of a scene
KEYS = (0.0, 0.6)  # the key frames among them, which cameras see too
SPEED = 5
TURNED = [0, 0, 0, 1]  # by 180 degrees
RIGHT = [0.5**0.5, 0, 0, -0.5**0.5]  # by 90 degrees
CAMERAS = dict(
    CAM_FRONT=0,
    CAM_FRONT_RIGHT=-60,
    CAM_FRONT_LEFT=60,
    CAM_BACK=180,
    CAM_BACK_LEFT=120,
    CAM_BACK_RIGHT=-120)
TABLES = ('category', 'attribute', 'visibility', 'instance', 'sensor',
          'calibrated_sensor', 'ego_pose', 'log', 'scene', 'sample',
          'sample_data', 'sample_annotation', 'map')


class Thing(NamedTuple):
    """What a scene holds; metres, in the world."""
    category: str
    at: tuple  # in the first key frame
    to: tuple  # in the last one, or None for a thing that has gone
    wlh: tuple
    points: int  # of every lidar frame


THINGS = (
    Thing('vehicle.car', (89, 48, 1), (89, 48, 1), (2, 4, 1.5), 12),
    Thing('human.pedestrian.adult', (88, 53, 0.9), (88, 53.6, 0.9),
          (0.6, 0.6, 1.8), 6),
    Thing('animal', (92, 46, 0.3), None, (0.5, 0.5, 0.5), 3),
    Thing('vehicle.car', (60, 50, 1), (60, 50, 1), (2, 4, 1.5), 0),
)


def token(*parts):
    """32 hexadecimal digits, as nuScenes names its records."""
    return hashlib.md5('/'.join(map(str, parts)).encode()).hexdigest()


def in_lidar(point, t):
    x, y, z = point
    return np.array([y - 50, 99 - SPEED * t - x, z - 1.8])


def scan(t, rng):
    """(N, 5) float32 points of a lidar frame: x, y, z, intensity, ring."""
    ground = np.column_stack([
        rng.uniform(-20, 20, 50),
        rng.uniform(2, 40, 50),
        np.full(50, -1.9)
    ])
    parts = [ground]
    for thing in THINGS:
        if t == KEYS[-1] and thing.to is None:
            continue
        share = t / KEYS[-1]
        at = np.array(thing.at)
        at = at + share * (np.array(thing.to or thing.at) - at)
        reach = 0.4 * min(thing.wlh)  # inside, whichever way it looks
        parts.append(
            in_lidar(at, t) + rng.uniform(-reach, reach, (thing.points, 3)))
    points = np.concatenate(parts)
    return np.column_stack([
        points,
        rng.integers(0, 256, len(points)),
        rng.integers(0, 32, len(points))
    ]).astype(np.float32)


def add_sensors(tables):
    front = Quaternion(0.5, -0.5, 0.5, -0.5)  # z ahead, y down
    mounts = dict(LIDAR_TOP=('lidar', [1, 0, 1.8], RIGHT, []))
    for name, degrees in CAMERAS.items():
        turn = Quaternion(axis=[0, 0, 1], degrees=degrees)
        mounts[name] = ('camera', [1.5, 0, 1.5],
                        (turn * front).elements.tolist(),
                        [[1200, 0, 800], [0, 1200, 450], [0, 0, 1]])
    for name, (modality, at, rotation, intrinsic) in mounts.items():
        tables['sensor'].append(
            dict(token=token(name), channel=name, modality=modality))
        tables['calibrated_sensor'].append(
            dict(
                token=token('mount', name),
                sensor_token=token(name),
                translation=at,
                rotation=rotation,
                camera_intrinsic=intrinsic))


def link(records):
    """Let each record name the one before and the one after it."""
    tokens = ['', *(record['token'] for record in records), '']
    for i, record in enumerate(records):
        record.update(prev=tokens[i], next=tokens[i + 2])
    return records


def add_scene(tables, root, name, number, rng):
    """One scene: its records, lidar files and pictures."""
    begin = START + number * 100_000_000
    samples = link([
        dict(
            token=token(name, t),
            timestamp=begin + round(t * 1e6),
            scene_token=token(name)) for t in KEYS
    ])
    tables['sample'] += samples
    tables['scene'].append(
        dict(
            token=token(name),
            log_token=token('log'),
            nbr_samples=len(KEYS),
            first_sample_token=samples[0]['token'],
            last_sample_token=samples[-1]['token'],
            name=name,
            description=''))
    for channel in ('LIDAR_TOP', *CAMERAS):
        lidar = channel == 'LIDAR_TOP'
        records = []
        for t in TIMES if lidar else KEYS:
            folder = 'samples' if t in KEYS else 'sweeps'
            end = 'pcd.bin' if lidar else 'jpg'
            stamp = begin + round(t * 1e6)
            path = f'{folder}/{channel}/n015__{channel}__{stamp}.{end}'
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            if lidar:
                scan(t, rng).tofile(root / path)
            else:
                colour = tuple(rng.integers(0, 256, 3).tolist())
                Image.new('RGB', (64, 36), colour).save(root / path)
            tables['ego_pose'].append(
                dict(
                    token=token('pose', path),
                    timestamp=stamp,
                    rotation=TURNED,
                    translation=[100 - SPEED * t, 50, 0]))
            records.append(
                dict(
                    token=token(path),
                    sample_token=token(name, KEYS[t > KEYS[0]]),
                    ego_pose_token=token('pose', path),
                    calibrated_sensor_token=token('mount', channel),
                    timestamp=stamp,
                    fileformat='pcd' if lidar else 'jpg',
                    is_key_frame=t in KEYS,
                    height=0 if lidar else 900,
                    width=0 if lidar else 1600,
                    filename=path))
        tables['sample_data'] += link(records)


def add_annotations(tables, name):
    """The boxes of a scene, which the test tables leave out."""
    for i, thing in enumerate(THINGS):
        instance = token(name, 'thing', i)
        places = {KEYS[0]: thing.at, KEYS[-1]: thing.to}
        records = link([
            dict(
                token=token(instance, t),
                sample_token=token(name, t),
                instance_token=instance,
                visibility_token='4',
                attribute_tokens=[],
                translation=list(map(float, place)),  # else they round
                size=thing.wlh,
                rotation=TURNED,
                num_lidar_pts=thing.points,
                num_radar_pts=0) for t, place in places.items() if place
        ])
        tables['sample_annotation'] += records
        tables['instance'].append(
            dict(
                token=instance,
                category_token=token(thing.category),
                nbr_annotations=len(records),
                first_annotation_token=records[0]['token'],
                last_annotation_token=records[-1]['token']))


def write_nuscenes(root, version='v1.0-mini',
                   scenes=('scene-0061', 'scene-0103')):
    """Write a data set of some scenes; return its tables.

    Args:
        root (Path): Folder to write into.
        version (str): Folder of the tables; 'v1.0-test' has no boxes.
        scenes (Sequence[str]): Names, as the splits of the devkit hold
            them: 'scene-0061' trains and 'scene-0103' validates in the
            mini set.

    Returns:
        dict[str, list[dict]]: Records by table.
    """
    rng = np.random.default_rng(0)
    tables = {name: [] for name in TABLES}
    for category in sorted({thing.category for thing in THINGS}):
        tables['category'].append(
            dict(token=token(category), name=category, description=''))
    tables['visibility'].append(
        dict(token='4', level='v80-100', description=''))
    tables['log'].append(
        dict(
            token=token('log'),
            logfile='n015',
            vehicle='n015',
            date_captured='2018-07-31',
            location='boston-seaport'))
    tables['map'].append(
        dict(
            token=token('map'),
            log_tokens=[token('log')],
            category='semantic_prior',
            filename='maps/mask.png'))
    (root / 'maps').mkdir(parents=True)
    Image.new('L', (8, 8)).save(root / 'maps/mask.png')
    add_sensors(tables)
    for number, name in enumerate(scenes):
        add_scene(tables, root, name, number, rng)
        if version != 'v1.0-test':
            add_annotations(tables, name)
    (root / version).mkdir()
    for name, records in tables.items():
        (root / version / f'{name}.json').write_text(json.dumps(records))
    return tables
