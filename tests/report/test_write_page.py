"""The page's text, without a browser."""
import json
import re
import shutil

import numpy as np
import pytest

from dequity_mmdet3d.likelihood.catalog import Catalog
from dequity_mmdet3d.likelihood.encoding.bad_images import write_bad_images
from dequity_mmdet3d.object_table import ObjectTable
from dequity_mmdet3d.report.page import write_page
from dequity_mmdet3d.report.runs import Runs
from dequity_mmdet3d.table import LikelihoodTable


@pytest.fixture
def few(small, tmp_path):
    """A table of four samples in one cluster, and its images."""
    paths = []
    for i in range(4):
        paths.append(str(tmp_path / f'{i}.png'))
        shutil.copyfile(small[0] / f'images/{i:06d}.png', paths[-1])
    table = LikelihoodTable(
        list('abcd'), np.array([0.25, 0.5, 0.75, 1]), np.zeros(4, int),
        np.full(4, 4), {})
    return table, tmp_path / 't.parquet', Catalog(paths, None, {}, [])


def page_of(few, out, **kwargs):
    table, path, catalog = few
    path, counts = write_page(out, table, path, catalog, **kwargs)
    return path.read_text(encoding='utf-8'), counts


def test_one_of_a_kind(few, tmp_path):
    write_bad_images(tmp_path / 't.bad_images.txt', [('C:\\new.png', 'cut')])
    text, _ = page_of(few, tmp_path / 'page')
    assert '4 samples in 1 cluster.' in text
    assert '1 image could not be used:' in text
    assert '<td>C:\\new.png</td><td>cut</td>' in text


def test_no_page_without_charts(few, tmp_path):
    """NaN is no JSON: the browser would show none of them."""
    run = Runs('run', ['a'], rows=[dict(cells=[dict(mean=float('nan'))])])
    with pytest.raises(ValueError, match='page.results.0.rows.0.cells.0.mean '
                       'is nan, which a browser cannot read'):
        page_of(few, tmp_path / 'page', runs=[run])
    assert not (tmp_path / 'page').exists()


def test_thumbnails_of_the_rare_ones(few, tmp_path):
    """What fits is in the page, what does not is linked if it is there."""
    text, counts = page_of(few, tmp_path / 'page')
    assert counts == dict(shown=4, embedded=4, linked=0, unreadable=[])
    full = len(text.encode())
    places = json.loads(re.search(
        r'id="places">(.*?)</script>', text)[1])['place']
    lengths = [length for _, length in places]
    # each begins where the one before ends, rarest first
    assert [start for start, _ in places] == [
        sum(lengths[:i]) for i in range(4)]
    blob = re.search(r'id="thumbnails">(.*?)</script>', text, re.DOTALL)[1]
    assert len(blob) == sum(lengths)
    # no room for any image but the smallest boxes: all are linked
    text, counts = page_of(few, tmp_path / 'page', size=full - len(blob) - 999)
    assert counts == dict(shown=4, embedded=0, linked=4, unreadable=[])


def test_images_that_cannot_be_read(few, tmp_path):
    images = few[2].images
    with open(images[1], 'w') as f:
        f.write('no image')
    text, counts = page_of(few, tmp_path / 'page')
    assert (counts['embedded'], counts['unreadable']) == (3, [images[1]])
    assert f'<li>{images[1]}</li>' in text
    # where nothing fits, none is opened, but one that is gone is told
    (tmp_path / '2.png').unlink()
    _, counts = page_of(few, tmp_path / 'page', size=1)
    assert (counts['embedded'], counts['linked']) == (0, 3)
    assert counts['unreadable'] == [images[2]]


def test_objects_of_other_samples(few, tmp_path):
    objects = ObjectTable(
        ['z'], np.array([0]), ['Car'], np.ones(1), np.array([-1]),
        np.ones(1, int))
    with pytest.raises(ValueError, match="none of the 1 objects.*sample 'z'"):
        page_of(few, tmp_path / 'page', objects=objects)
    assert not (tmp_path / 'page').exists()


def test_a_name_that_is_no_text(few, tmp_path):
    table, path, catalog = few
    catalog.images[0] = str(tmp_path / 'x\udcff.png')
    write_bad_images(tmp_path / 't.bad_images.txt', [('y\udcff', 'cut')])
    text, counts = page_of(few, tmp_path / 'page')
    assert counts['unreadable'] == [catalog.images[0]]
    assert 'x\ufffd.png</li>' in text and '<td>y\ufffd</td>' in text
