"""Numbers of the page, by hand."""
import json
import math
from dataclasses import replace

import numpy as np
import pytest

from dequity_mmdet3d.likelihood.catalog import Catalog, catalog_of
from dequity_mmdet3d.likelihood.encoding.bad_images import write_bad_images
from dequity_mmdet3d.likelihood.samples.host_config import (
    samples_from_config,
)
from dequity_mmdet3d.likelihood.samples.instances import object_counts
from dequity_mmdet3d.likelihood.samples.sources import Samples
from dequity_mmdet3d.provenance import Provenance
from dequity_mmdet3d.report import content
from dequity_mmdet3d.report.flat_map import flat_map
from dequity_mmdet3d.report.galleries import galleries
from dequity_mmdet3d.report.runs import read_runs
from dequity_mmdet3d.report.selection import rows_on_page
from dequity_mmdet3d.report.thumbnails import BOXES, fitting_box, thumbnail
from dequity_mmdet3d.table import LikelihoodTable
from dequity_mmdet3d.weight import dequity_weight

from .helpers import FIGURE, MODES


def samples_of(root):
    """What the config tells, without mmengine."""
    images = sorted((root / 'images').iterdir())
    return Samples(
        [str(i) for i in range(len(images))], [(str(i), ) for i in images],
        Provenance('config', 'sample_idx', 'kitti', 'infos.json'),
        str(root / 'kitti_likelihoods.parquet'),
        cameras=[('CAM2', )] * len(images), groups=[None] * len(images),
        data_root=str(root))


def objects_of(modes):
    counts = [MODES[m][1:] if m >= 0 else (0, 1) for m in modes]
    return {str(i): {name: n for name, n in zip(('Car', 'Cyclist'), both) if n}
            for i, both in enumerate(counts)}


def test_the_config_tells_the_same(small):
    pytest.importorskip('mmengine', reason='mmengine reads the config files')
    root, modes, _ = small
    assert samples_from_config(root / 'config.py') == samples_of(root)
    assert object_counts(root / 'config.py') == objects_of(modes)


@pytest.fixture
def found(small):
    root, modes, path = small
    table = LikelihoodTable.load(path)
    return modes, table, catalog_of(
        table, path, samples_of(root), objects_of(modes))


def table_of(labels):
    labels = np.array(labels)
    n = len(labels)
    return LikelihoodTable([str(i) for i in range(n)],
                           np.linspace(0.1, 1, n), labels,
                           np.ones(n, int), {})


def test_catalog(found):
    modes, table, catalog = found
    assert catalog.notes == []
    assert catalog.images[3].endswith('images/000003.png')
    assert np.argmax(catalog.vectors[modes >= 0], 1).tolist() == modes[
        modes >= 0].tolist()
    assert sorted(catalog.objects) == ['Car', 'Cyclist']
    assert catalog.objects['Cyclist'][modes == 2].tolist() == [3] * 4
    assert sum(catalog.objects['Car']) == 20 * 2 + 10 + 4


def test_catalog_of_other_samples(small, found, tmp_path):
    root, _, path = small
    table = LikelihoodTable.load(path)
    samples = samples_of(root)
    other = LikelihoodTable(['999', *table.sample_id[1:]], table.likelihood,
                            table.cluster_id, table.cluster_size,
                            table.metadata)
    catalog = catalog_of(other, path, samples)
    assert catalog.notes[0].startswith('1 of the 36 samples')
    assert catalog.images[0] is None and catalog.images[1] is not None
    other = LikelihoodTable([f'x{i}' for i in table.sample_id],
                            table.likelihood, table.cluster_id,
                            table.cluster_size, {})
    with pytest.raises(ValueError, match="none of the 36 .*as 'x0', is among"):
        catalog_of(other, path, samples)
    with pytest.raises(ValueError, match='2 of the 36 embeddings .* 3, 5'):
        bad = np.ones((36, 2))
        bad[3], bad[5, 1] = np.nan, np.inf
        catalog_of(table, path, embeddings=bad)
    with pytest.raises(ValueError, match="no camera 'CAM9', but 'CAM2'"):
        catalog_of(table, path, samples, camera='CAM9')
    with pytest.raises(ValueError, match='must be 36.*but are 3'):
        catalog_of(table, path, embeddings=np.ones((3, 2)))
    nothing = catalog_of(table, path)
    assert nothing.images is None and nothing.vectors is None
    assert [n[:8] for n in nothing.notes] == ['No image', 'No embed']
    lost = catalog_of(table, tmp_path / 'x.parquet', samples)
    assert lost.vectors is None
    assert 'repeat the command that made the table' in lost.notes[0]


def test_cameras_of_a_sample_are_averaged(small, found):
    root, _, path = small
    table = LikelihoodTable.load(path)
    samples = samples_of(root)
    # the same 36 images as 18 samples of two cameras
    pairs = list(zip(samples.images[::2], samples.images[1::2]))
    two = Samples(samples.ids[:18], [a + b for a, b in pairs],
                  samples.provenance, data_root=samples.data_root)
    some = LikelihoodTable(
        table.sample_id[:18], table.likelihood[:18], table.cluster_id[:18],
        table.cluster_size[:18], table.metadata)
    rows = catalog_of(some, path, two, camera='1')
    every = catalog_of(table, path, samples)
    mean = every.vectors[4:6].astype(float) * np.linalg.norm(
        np.concatenate(_raw(path))[4:6], axis=1)[:, None]
    mean = mean.sum(0) / np.linalg.norm(mean.sum(0))
    np.testing.assert_allclose(rows.vectors[2], mean, atol=1e-3)
    assert rows.images[2] == samples.images[5][0]


def _raw(path):
    from dequity_mmdet3d.likelihood.embeddings.lookup import stored_embeddings
    table = LikelihoodTable.load(path)
    paths = [str(path.parent / f'images/{i:06d}.png') for i in range(36)]
    return [stored_embeddings(path, table.metadata, paths,
                              str(path.parent))[0]]


def test_chart_data(found):
    modes, table, catalog = found
    rows = np.array([5, 7])
    data = content.chart_data(table, catalog, rows, np.zeros((2, 2)), 1, 5)
    json.dumps(data)
    assert data['p'] == [0.05, 0.2, 0.5, 1.0] and data['n'] == [2, 4, 10, 20]
    assert data['classes'] == dict(Car=[0, 4, 10, 40], Cyclist=[2, 12, 0, 0])
    assert data['id'] == ['5', '7'] and data['cluster'] == modes[rows].tolist()
    assert [data['p'][v] for v in data['value']] == table.likelihood[
        rows].tolist()
    assert data['clusters'] == dict(
        id=[0, 1, 2], n=[[20], [10], [4]], p=[[1], [0.5], [0.2]],
        rest=dict(clusters=0, singletons=2, p=[0.05], n=[2]))


def test_many_clusters_are_joined():
    table = table_of(np.repeat(np.arange(30), np.arange(30, 0, -1)))
    data = content.chart_data(
        table, Catalog(None, None, {}, []), np.arange(3), None, 1, 5)
    found = data['clusters']
    assert found['id'] == list(range(20)) and found['rest']['clusters'] == 10
    assert sum(map(sum, found['n'])) + sum(found['rest']['n']) == len(table)


def test_continuous_likelihoods_weigh_by_what_clusters_hold():
    rng = np.random.default_rng(0)
    p, label = rng.uniform(1e-4, 1, 30_000), rng.integers(0, 2, 30_000)
    table = LikelihoodTable(np.arange(len(p)).astype(str), p, label,
                            np.bincount(label)[label])
    data = content.chart_data(
        table, Catalog(None, None, {}, []), np.arange(3), None, 1, 5)
    # rounded to digits that nobody sees, and no sample is lost
    assert sum(data['n']) == len(p) and len(data['p']) < 20_000
    np.testing.assert_allclose(
        np.array(data['p'])[data['value']], p[:3], rtol=5e-4)
    weights = np.repeat(dequity_weight(np.array(data['p'])), data['n'])
    assert weights.mean() == pytest.approx(dequity_weight(p).mean(), rel=1e-4)
    clusters = data['clusters']
    for c, inside, n in zip(clusters['id'], clusters['p'], clusters['n']):
        assert len(inside) <= 64
        assert dequity_weight(np.array(inside)) @ n == pytest.approx(
            dequity_weight(p[label == c]).sum(), rel=1e-3)


def test_rows_on_page_keep_the_rare():
    table = table_of([0] * 90 + [1] * 6 + [2] * 4)
    assert rows_on_page(table, 100).tolist() == list(range(100))
    rows = rows_on_page(table, 16, seed=3)
    assert (np.diff(rows) > 0).all()
    shown = np.bincount(table.cluster_id[rows])
    assert shown.tolist() == [6, 6, 4]
    assert rows_on_page(table, 16, seed=3).tolist() == rows.tolist()
    table = table_of([0] * 900)
    some, other = (rows_on_page(table, 300, seed=k) for k in (3, 4))
    assert some.tolist() != other.tolist()


def test_the_rarest_are_on_the_page_without_clusters():
    table = table_of([-1] * 500)
    for most in (1, 5, 200):
        rows = rows_on_page(table, most)
        assert len(rows) == most and rows[0] == 0
    assert {0, 1, 62, 63, 436, 498, 499} <= {*rows.tolist()}


def test_galleries(found):
    modes, table, catalog = found
    rows = np.arange(len(table))
    rare, common = galleries(table, rows, catalog.vectors)
    assert [(g.title, g.samples, g.likelihood) for g in rare] == [
        ('Without a cluster', 2, 0.05), ('Cluster 2', 4, 0.2),
        ('Cluster 1', 10, 0.5)]
    assert [(g.title, len(g.rows)) for g in common] == [('Cluster 0', 8)]
    # the most typical first
    own = catalog.vectors[modes == 0]
    near = np.flatnonzero(modes == 0)[np.argmax(own @ own.mean(0))]
    assert common[0].rows[0] == near
    # singletons because nobody could see them
    table = LikelihoodTable(
        table.sample_id, table.likelihood, table.cluster_id,
        table.cluster_size, dict(skipped=table.sample_id[modes < 0].tolist()))
    assert galleries(table, rows)[0][0].title == 'Cluster 2'
    one = galleries(table_of([4] * 3), np.arange(3))
    assert [g.title for g in one[0]] == ['Rarest samples']
    assert [g.title for g in one[1]] == ['Most common samples', 'Cluster 4']
    none = galleries(table_of([-1] * 5), np.arange(5))
    assert none[0][0].rows == [0, 1] and none[1][0].rows == [4, 3]


def test_single_samples_come_first_where_clusters_do_not_tell():
    # the rarest is of the cluster whose median is the more common one
    table = LikelihoodTable(
        list('abcdef'), [0.1, 0.9, 1.0, 0.3, 0.4, 0.5], [0, 0, 0, 1, 1, 1],
        [3] * 6, dict(skipped=['b']))
    rare, common = galleries(table, np.arange(6))
    assert [g.title for g in rare] == ['Rarest samples', 'Cluster 1']
    assert [g.title for g in common] == ['Most common samples', 'Cluster 0']
    assert rare[0].rows == [0, 3] and common[0].rows == [2, 5]


def test_flat_map(found):
    modes, _, catalog = found
    for how in ('tsne', 'pca'):
        xy = flat_map(catalog.vectors, how)
        assert xy.shape == (36, 2) and xy.min() >= 0 and xy.max() == 1
        assert (xy == flat_map(catalog.vectors, how)).all()
    far = [np.linalg.norm(flat_map(catalog.vectors, 'pca')[modes == m]
                          - flat_map(catalog.vectors, 'pca')[modes == 0].mean(
                              0), axis=1).mean() for m in (0, 2)]
    assert far[0] < far[1] / 3
    for vectors in (np.ones((1, 3)), np.ones((9, 3)), np.eye(2),
                    np.arange(4.)[:, None]):
        assert np.isfinite(flat_map(vectors)).all()
    with pytest.raises(ValueError, match='one of'):
        flat_map(catalog.vectors, 'umap')


def test_thumbnails(found, tmp_path):
    import base64
    import io

    from PIL import Image
    path = found[2].images[0]
    image = Image.open(io.BytesIO(base64.b64decode(thumbnail(path, (96, 56)))))
    assert image.format == 'WEBP' and image.size == (96, 29)
    assert thumbnail(str(tmp_path / 'no.png'), (96, 56)) == ''
    assert fitting_box([path] * 10, 1e9) == BOXES[0]
    assert fitting_box([path] * 10, 1) == BOXES[-1]


def test_links(tmp_path):
    page = tmp_path / 'page'
    assert content.links([str(tmp_path / 'im ages/a#b.png')], page) == [
        '../im%20ages/a%23b.png']
    # in the folder of the page no name is a scheme
    assert content.links([
        str(page / 'javascript:alert(1)?a.png'), str(page / 'http:/h/b.png'),
        str(page / '..c.png'), str(page / 'd.png')], page) == [
            './javascript%3Aalert%281%29%3Fa.png', './http%3A/h/b.png',
            './..c.png', './d.png']


def test_bad_images_and_provenance(small):
    _, _, path = small
    assert content.bad_images(path) == (1, [('a/b.png', 'cut off')])
    assert content.bad_images(path.with_name('x.parquet')) == (0, [])
    facts = dict(content.provenance(dict(
        a=dict(b=1, c=[1, 2]), diagnosis=dict(x=1), d=list(range(9)))))
    assert facts == {'a.b': '1', 'a.c': '[1, 2]',
                     'd': '0, 1, 2, 3, 4, ... (9 in all)'}
    assert 'no diagnosis' in content.stability({})[0]
    assert any('too few' in line for line in content.stability(
        LikelihoodTable.load(path).metadata))
    assert 'no diagnosis' in content.stability(dict(diagnosis='odd'))[0]


def test_bad_images_have_their_own_names(tmp_path):
    failures = [('C:\\new\tx.png', 'cut\noff'), ('ü\udcff.png', 'z')]
    write_bad_images(tmp_path / 't.bad_images.txt', failures * 40)
    count, shown = content.bad_images(tmp_path / 't.parquet')
    assert count == 80 and len(shown) == 50
    assert shown[:2] == [failures[0], ('ü\ufffd.png', 'z')]


def test_runs_of_a_comparison(comparison):
    run = read_runs(comparison)
    assert run.arms == ['baseline', 'equity']
    assert run.shared == 'Kitti metric/KITTI/ … _3D_AP40_moderate_strict'
    assert run.seeds == [2, 2]
    rare, common = run.rows
    assert rare['metric'] == 'rare/Cyclist' and rare['objects'] == 7
    assert [c['mean'] for c in rare['cells']] == [51, 55]
    assert rare['cells'][0]['difference'] is None
    assert rare['cells'][1]['difference'] == 4
    assert list(run.curves) == ['loss']
    curve = run.curves['loss'][-1]
    assert (curve['arm'], curve['run']) == ('equity', 'seed_1')
    # the resumed part has the last word on step 100
    assert curve['x'] == [50, 100, 150]
    assert curve['y'] == [0.02, 1.01, 1.0067]


def test_runs_of_one_training(tmp_path):
    log = tmp_path / 'a/vis_data/scalars.json'
    log.parent.mkdir(parents=True)
    log.write_text('\n'.join(json.dumps(line) for line in (
        dict(loss=2, step=1), {FIGURE: 10, 'step': 1}, dict(loss=1, step=2),
        dict(dequity_loss_rare=3, step=2),
        {FIGURE: 20.5, 'Kitti metric/KITTI/rare/Cyclist_moderate_objects': 3,
         'step': 2})))
    run = read_runs(tmp_path)
    assert run.rows == [dict(metric=FIGURE, objects=3, digits=2, cells=[dict(
        mean=20.5, sd=None, difference=None, low=None, high=None, seeds=1,
        pairs=0)])]
    assert run.curves['loss'][0]['y'] == [2, 1]
    assert run.curves['dequity_loss_rare'][0]['x'] == [2]
    with pytest.raises(FileNotFoundError, match='neither comparison.json'):
        read_runs(tmp_path / 'a')
    # a test in the same work dir has the last word
    (tmp_path / 'b').mkdir()
    (tmp_path / 'b/b.json').write_text(json.dumps({FIGURE: 30.5, 'time': 1}))
    assert [row['cells'][0]['mean'] for row in read_runs(tmp_path).rows] == [
        30.5]
    for text in ('a,b\n1,2\n', '', '[]', '{"arms": {}}'):
        (tmp_path / 'comparison.json').write_text(text)
        with pytest.raises(ValueError, match='is not of dequity compare'):
            read_runs(tmp_path)


def test_runs_have_all_digits(tmp_path):
    """The table for people rounds, the page does not read it back."""
    from dequity_mmdet3d.compare.run_folder import Comparison, write_result
    from dequity_mmdet3d.compare.summary import write_table
    comparison = Comparison(tmp_path, {'a:b': 'a_b', 'c': 'c'}, (3, ))
    write_table(comparison)
    assert read_runs(tmp_path).rows == []
    for arm, value in (('a:b', 1 / 3), ('c', 2 / 3)):
        folder = comparison.folder(arm, 3)
        folder.mkdir(parents=True)
        write_result(folder, dict(metrics={FIGURE: value}, steps=1, seconds=1))
    text = write_table(comparison)
    assert '0.33' in text and '+0.33' in text
    run = read_runs(tmp_path)
    assert (run.arms, run.seeds) == (['a:b', 'c'], [1, 1])
    assert [c['mean'] for c in run.rows[0]['cells']] == [1 / 3, 2 / 3]
    assert run.rows[0]['cells'][1]['difference'] == 2 / 3 - 1 / 3
    assert run.rows[0]['cells'][1]['low'] is None


def test_runs_of_one_run_of_a_comparison(comparison):
    run = read_runs(comparison / 'equity/seed_1')
    assert [r['cells'][0]['mean'] for r in run.rows] == [57, 81]
    assert len(run.curves['loss']) == 1


@pytest.mark.parametrize('metadata', [
    dict(diagnosis=dict(samples='x', tenths='abc', deviation=[1])),
    dict(diagnosis=dict(tenths=[0.1], deviation=[math.nan])),
    dict(skipped=3), dict(skipped=dict(a=1)), dict(tags=[1]),
    dict(tags=dict(agreement=dict(x=dict()))), dict(groups=7)])
def test_metadata_of_others_cannot_break_the_page(small, metadata):
    table = LikelihoodTable.load(small[2])
    table = replace(table, metadata={**table.metadata, **metadata})
    rows = np.arange(len(table))
    data = content.chart_data(
        table, Catalog(None, None, {}, []), rows, None, 1.0, 5.0)
    json.dumps(data, allow_nan=False)  # what a browser can read
    assert data['tenths'] is None or 'diagnosis' not in metadata
    assert all(isinstance(line, str)
               for line in content.stability(table.metadata))
    assert content.skipped(table.metadata) == [] or 'skipped' not in metadata
    galleries(table, rows)
