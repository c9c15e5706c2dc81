"""Boxes, crops, rules and point features, by hand."""
import numpy as np
import pytest
from PIL import Image

from dequity_mmdet3d.likelihood.encoding.crops import Crop, whole_pixels
from dequity_mmdet3d.likelihood.encoding.images import ImageError, load_rgb
from dequity_mmdet3d.likelihood.objects.boxes import (
    clipped,
    corners_of,
    lidar2img_of,
    project,
    widened,
)
from dequity_mmdet3d.likelihood.objects.point_features import (
    directions,
    raw_features,
    standard_of,
)
from dequity_mmdet3d.likelihood.objects.rules import sample_likelihood


def test_a_crop_is_a_part_of_the_image_and_has_a_name_of_its_own(tmp_path):
    pixels = np.arange(8 * 10 * 3, dtype=np.uint8).reshape(8, 10, 3)
    path = str(tmp_path / 'a.png')
    Image.fromarray(pixels).save(path)
    crop = Crop(path, (-2.5, 1.2, 3.1, 90))
    assert str(crop) == f'{path}#-2.5,1.2,3.1,90'
    assert np.array_equal(load_rgb(crop), pixels[1:8, 0:4])
    with pytest.raises(ImageError, match='outside the image'):
        load_rgb(Crop(path, (10, 0, 20, 5)))
    Image.fromarray(255 - pixels).resize((20, 16)).save(path)
    assert load_rgb(Crop(path, (0, 0, 20, 20))).size == (20, 16)
    with pytest.raises(ImageError, match='no such file'):
        load_rgb(Crop(path + 'x', (0, 0, 1, 1)))


def test_pixels_that_a_box_touches():
    assert whole_pixels((1, 1, 1.5, 2), (9, 9)) == (1, 1, 2, 2)
    assert whole_pixels((9, 0, 12, 5), (9, 9)) is None


def test_projection_of_a_box_by_hand():
    # the camera looks along x: u = 50 - 100 y / x, v = 40 - 100 z / x
    image = dict(cam2img=[[100, 0, 50], [0, 100, 40], [0, 0, 1]],
                 lidar2cam=[[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0],
                            [0, 0, 0, 1]])
    matrix = lidar2img_of(image)
    corners = corners_of([11, 0, 0, 2, 4, 6, 0])
    # the near face is at x = 10: y from -2 to 2, z from -3 to 3
    assert project(corners, matrix) == pytest.approx((30, 10, 70, 70))
    # a quarter turn swaps length and width: the near face is at x = 9
    turned = corners_of([11, 0, 0, 2, 4, 6, np.pi / 2])
    assert project(turned, matrix) == pytest.approx(
        (50 - 100 / 9, 40 - 300 / 9, 50 + 100 / 9, 40 + 300 / 9))
    low = corners_of([11, 0, -3, 2, 4, 6, 0], bottom=True)
    assert np.allclose(low, corners)
    assert project(corners_of([-11, 0, 0, 2, 4, 6, 0]), matrix) is None
    assert lidar2img_of(dict(cam2img=image['cam2img'])) is None
    assert lidar2img_of(dict(lidar2img='no')) is None


def test_margin_and_border():
    assert widened((10, 20, 30, 60), 0.1) == pytest.approx((8, 16, 32, 64))
    assert clipped((-5, 2, 8, 30), (7, 20)) == (0, 2, 7, 20)
    assert clipped((7, 2, 8, 30), (7, 20)) is None


SAMPLE = np.array([0, 0, 2, 2, 3])
P = np.array([0.5, 0.25, 0.8, 0.1, 0.3])
SEEN = np.array([True, True, True, False, False])


@pytest.mark.parametrize('rule, scene, expected', [
    # sample 1 has no object, and those of sample 3 were not looked at
    ('min', None, [0.25, 0.8, 0.8, 0.3]),
    ('mean', None, [0.375, 0.8, 0.8, 0.3]),
    ('product', np.array([0.04, 0.7, 0.2, 1.0]),
     [0.1, 0.7, 0.4, 0.3**0.5]),
])
def test_rules_by_hand(rule, scene, expected):
    p, rarest = sample_likelihood(rule, SAMPLE, P, SEEN, 4, scene)
    assert p == pytest.approx(np.array(expected))
    assert rarest.tolist() == [1, -1, 2, 4]


def test_an_unknown_rule_is_refused():
    with pytest.raises(ValueError, match='must be one of'):
        sample_likelihood('max', SAMPLE, P, SEEN, 4)


def test_point_features_by_hand():
    one = dict(bbox_3d=[3, 4, 0, 1, np.e, 1, 0], num_lidar_pts=0)
    assert raw_features(one) == pytest.approx(
        [0, np.log(6), 0, 1, 0, 0])
    for wrong in ({}, dict(one, num_lidar_pts=-1), dict(one, bbox_3d=[1]),
                  dict(one, bbox_3d=[0, 0, 0, 0, 1, 1, 0]),
                  dict(one, num_lidar_pts='many')):
        assert raw_features(wrong) is None
    features = np.array([[0., 1, 1, 1, 1, 1], [2, 1, 1, 1, 1, 1]])
    rows = directions(features, *standard_of(features))
    assert rows[:, 0].tolist() == [-1, 1]
    assert not rows[:, 1:6].any()
    assert rows[:, 6] == pytest.approx(2 * 6**0.5)
