"""The rarest objects of a page, by hand."""
import base64
import io

import numpy as np
import pytest

from dequity_mmdet3d.likelihood.objects.seen import Seen
from dequity_mmdet3d.object_table import ObjectTable
from dequity_mmdet3d.report.objects import (
    BOX,
    MAX_CLASSES,
    MAX_OBJECTS,
    crop,
    rarest_objects,
)


def table_of(classes, p, **metadata):
    n = len(classes)
    return ObjectTable(['a'] * n, np.arange(n), classes, np.array(p),
                       np.full(n, -1), np.ones(n, int), metadata)


@pytest.fixture
def image(tmp_path):
    """Black, with a white object of 20 x 10 pixels at (40, 30)."""
    from PIL import Image
    picture = Image.new('RGB', (200, 100))
    picture.paste((255, 255, 255), (40, 30, 60, 40))
    path = str(tmp_path / 'a.png')
    picture.save(path)
    return path


def pixels(text):
    from PIL import Image
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


def test_a_crop_shows_the_object_in_its_box(image):
    # half of its sides around it, at the largest scale that fits: 4
    found = pixels(crop(image, (40, 30, 60, 40)))
    assert found.shape == (80, 160, 3) and BOX == (160, 120)
    assert found[40, 80].min() > 200  # white within
    assert found[5, 5].max() < 60  # black around
    edge = found[40, 40].astype(int)  # the frame, yellow
    assert edge[0] > edge[2] + 50
    assert crop(image, (300, 0, 310, 10)) == ''
    assert crop(image + 'x', (0, 0, 9, 9)) == ''
    # of a box beyond the border, what lies within
    assert pixels(crop(image, (-1e9, -50, 1e9, 1e9))).shape == (80, 160, 3)


def test_the_rarest_first_and_none_that_is_neutral(image):
    table = table_of(['Car', 'Bus', 'Car', 'Car'], [.5, 1, .01, .2],
                     neutral=[2])
    found, more = rarest_objects(
        table, dict(a=image), lambda sample, index: Seen(
            image, (40, 30, 60, 40)) if index == 0 else None)
    assert more == 0 and [c.name for c in found] == ['Car', 'Bus']
    car = found[0]
    assert (car.count, car.neutral, car.clusters) == (3, 1, 0)
    assert [(o.index, o.likelihood, o.whole) for o in car.rarest] == [
        (3, .2, True), (0, .5, False)]
    assert all(o.image for o in car.rarest)
    # without images the facts remain
    found, _ = rarest_objects(table, {}, lambda sample, index: None)
    assert [o.image for o in found[0].rarest] == ['', '']


def test_the_page_stays_small():
    n = MAX_CLASSES + 5
    table = table_of([f'c{i}' for i in range(n)] + ['c0'] * 20,
                     np.linspace(.1, 1, n + 20))
    found, more = rarest_objects(table, {}, lambda sample, index: None)
    assert (len(found), more) == (MAX_CLASSES, 5)
    assert found[0].name == 'c0' and len(found[0].rarest) == MAX_OBJECTS
