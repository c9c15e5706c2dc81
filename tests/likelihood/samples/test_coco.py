"""COCO's instances files: which images, by what ids, and what is refused."""
import json

import pytest

from dequity_mmdet3d.likelihood.samples.host_config import (
    samples_from_config,
)
from dequity_mmdet3d.likelihood.samples.info_file import read_info_file
from dequity_mmdet3d.likelihood.samples.instances import object_counts
from dequity_mmdet3d.provenance import Provenance
from tests.coco_set import coco_dataset, make_coco

pytest.importorskip('mmengine', reason='mmengine reads the config files')


@pytest.fixture
def root(tmp_path):
    make_coco(tmp_path / 'coco')
    return tmp_path / 'coco'


def trained(root, write_config, **more):
    return samples_from_config(write_config(coco_dataset(root, **more)))


def test_samples_are_the_images_that_are_trained(root, write_config):
    samples = trained(root, write_config)
    # not image 7, which has no object; its crowd keeps image 6
    assert samples.ids == [str(10 * i + 7) for i in (6, 5, 4, 3, 2, 1, 0)]
    assert samples.images[0] == (f'{root}/train2017/000000000006.png', )
    assert samples.provenance == Provenance(
        source='config', dataset='coco', split='instances_train2017.json',
        id_type='img_id')
    assert samples.table_path == f'{root}/coco_likelihoods.parquet'
    assert samples.notes == []


@pytest.mark.parametrize('more, ids', [
    (dict(filter_cfg=None), (7, 6, 5, 4, 3, 2, 1, 0)),
    (dict(filter_cfg=dict(filter_empty_gt=True, min_size=65)), None),
    (dict(metainfo=dict(classes=('person', ))), (5, 3, 1)),
    (dict(metainfo={}), (6, 5, 4, 3, 2, 1, 0)),
    (dict(indices=2), (6, 5)),
])
def test_as_the_data_set_filters(root, write_config, more, ids):
    """The same images as MMDetection's own class has."""
    datasets = pytest.importorskip('mmdet.datasets')
    if ids is None:
        with pytest.raises(ValueError, match='is empty'):
            trained(root, write_config, **more)
        return
    assert trained(root, write_config, **more).ids == [
        str(10 * i + 7) for i in ids]
    if more.get('metainfo') != {}:  # of the class: COCO's 80
        cfg = coco_dataset(root, pipeline=[], **more)
        dataset = datasets.CocoDataset(
            **{k: v for k, v in cfg.items() if k != 'type'})
        assert [str(dataset.get_data_info(i)['img_id'])
                for i in range(len(dataset))] == [
                    str(10 * i + 7) for i in ids]


def test_objects_by_class(root, write_config):
    counts = object_counts(write_config(coco_dataset(root)))
    assert counts['7'] == dict(car=1) and counts['17'] == dict(person=1)
    assert counts['67'] == {}  # a crowd is to be ignored


def bad(data, **changes):
    return json.dumps({**data, **changes})


@pytest.mark.parametrize('change, message', [
    (dict(annotations=None), 'its annotations is missing; correct ann_file'),
    (dict(categories={}), 'its categories is dict'),
    (dict(images=[dict(id=1)]), '1 of 1 images have no id or no file_name'),
    (dict(images=[dict(id=True, file_name='a')]),
     'or of another type: rows 0'),
    (dict(images=[dict(id=1, file_name='a'), dict(id='1', file_name='b')]),
     "1 images have the id of another: '1'"),
    (dict(annotations=[7]), '1 of 1 annotations have no image_id'),
    (dict(annotations=[dict(image_id=[1], category_id=3)]), 'rows 0; mend'),
    (dict(categories=[dict(id=1, name='a')] * 2), '1 categories have the id'),
])
def test_bad_files(root, change, message):
    path = root / 'annotations/instances_train2017.json'
    path.write_text(bad(json.loads(path.read_text()), **change))
    with pytest.raises(ValueError, match=message) as error:
        read_info_file(path)
    assert '\n' not in str(error.value) and path.name in str(error.value)


@pytest.mark.parametrize('text', ['{"images": [', '[' * 100000])
def test_damaged_files(tmp_path, text):
    path = tmp_path / 'a.json'
    path.write_text(text)
    with pytest.raises(ValueError, match='is not JSON'):
        read_info_file(path)


def test_images_that_are_not_there(root, write_config):
    with pytest.raises(FileNotFoundError, match='set data_prefix.img'):
        trained(root, write_config, data_prefix=dict(img='none/'))
