"""One frame, from its mode and its seed to the bytes of its files."""
from dataclasses import dataclass

import cv2
import numpy as np

from . import camera, lidar
from .calib import Calib, format_calib, make_calib
from .labels import Label, format_labels, make_labels
from .scene import World, draw_world
from .worlds import world_mode

# A search for repeats finds none in a noisy picture, and takes twice as long.
_PNG_OPTIONS = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY,
                cv2.IMWRITE_PNG_STRATEGY_RLE)


@dataclass(frozen=True)
class Settings:
    """What decides a frame's content beside its mode.

    Args:
        seed (int): Of the data set; a frame's own is (seed, index).
        image_size (tuple[int, int]): Width and height, pixels.
        render_step (int): One camera ray for so many pixels, both ways.
        azimuth_step (float): Of the lidar, degrees.
        lidar_fov (float): Degrees in front that the lidar sweeps.
        world (str): What stands in the frames of a mode, see `worlds`.
    """
    seed: int = 0
    image_size: tuple[int, int] = (1242, 375)
    render_step: int = 3
    azimuth_step: float = 0.2
    lidar_fov: float = 100.0
    world: str = 'looks'


@dataclass(frozen=True)
class Frame:
    """A finished frame before it becomes bytes."""
    world: World
    calib: Calib
    picture: camera.Picture
    scan: lidar.Scan
    labels: list[Label]


def make_frame(settings: Settings, index: int, mode: str,
               balanced: bool = False) -> Frame:
    """Draw the world of frame `index` and take its picture and its sweep.

    Args:
        settings (Settings): Of the data set.
        index (int): Number of the frame.
        mode (str): Its mode's name.
        balanced (bool): Whether it is of a balanced split.
    """
    # One stream for the world, one a sensor: another image size leaves the
    # world and the points as they were.
    world_rng, lidar_rng, camera_rng = (
        np.random.default_rng([settings.seed, index, stream])
        for stream in range(3))
    calib = make_calib(settings.image_size)
    world = draw_world(
        world_mode(settings.world, mode, balanced), world_rng)
    scan = lidar.scan(world.scene, world.look, calib, settings.azimuth_step,
                      settings.lidar_fov, lidar_rng)
    picture = camera.render(world.scene, world.look, world.road, calib,
                            settings.image_size, settings.render_step,
                            camera_rng)
    owner = world.scene.owner[scan.triangle[scan.triangle >= 0]]
    points = np.bincount(owner[owner >= 0], minlength=len(world.scene.boxes))
    labels = make_labels(world.scene, calib, settings.image_size, points)
    return Frame(world, calib, picture, scan, labels)


def frame_files(settings: Settings, index: int, mode: str,
                with_labels: bool = True,
                balanced: bool = False) -> dict[str, bytes]:
    """The content of a frame's files by the folder they go to."""
    frame = make_frame(settings, index, mode, balanced)
    ok, png = cv2.imencode('.png', frame.picture.image[:, :, ::-1],
                           _PNG_OPTIONS)
    if not ok:
        raise RuntimeError(f'OpenCV could not encode frame {index} as PNG')
    files = {
        'image_2': png.tobytes(),
        'velodyne': frame.scan.points.astype('<f4').tobytes(),
        'calib': format_calib(frame.calib).encode()
    }
    if with_labels:
        files['label_2'] = format_labels(frame.labels).encode()
    return files
