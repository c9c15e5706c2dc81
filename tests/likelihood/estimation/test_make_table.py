"""From embeddings to a table, and the table for other samples."""
from dataclasses import replace

import numpy as np
import pytest

from dequity_mmdet3d.likelihood.beside import modes_path
from dequity_mmdet3d.likelihood.clustering import ClusterSettings
from dequity_mmdet3d.likelihood.embeddings.cameras import View
from dequity_mmdet3d.likelihood.embeddings.shards import ShardStore
from dequity_mmdet3d.likelihood.embeddings.vectors import UnitVectors
from dequity_mmdet3d.likelihood.encoding.embed import Embedded, embed_samples
from dequity_mmdet3d.likelihood.estimation import make_table as pipeline
from dequity_mmdet3d.likelihood.estimation.estimate import neutral_likelihood
from dequity_mmdet3d.likelihood.estimation.modes_file import (
    FittedModes,
    load_modes,
)
from dequity_mmdet3d.likelihood.samples.sources import Samples
from dequity_mmdet3d.provenance import Provenance
from dequity_mmdet3d.weight import dequity_weight

from ..families import modes

pytest.importorskip('faiss', reason='faiss cannot be imported')


def embedded(x, skipped=(), policy='mean', views=None):
    views = views or [View('', UnitVectors(x), np.arange(len(x)))]
    return Embedded(
        [f's{i}' for i in range(len(x))], views,
        Provenance('embeddings', 'row', split='train.pkl'), policy,
        list(skipped))


def test_likelihood_is_the_share_of_the_mode():
    x, mode = modes([400, 100, 40], spread=0.25)
    for kind, whole in (('relative', 400), ('share', 540)):
        made = pipeline.make_table(embedded(x), kind=kind)
        want = np.array([400, 100, 40])[mode] / whole
        np.testing.assert_allclose(made.table.likelihood, want)
        assert made.table.metadata['kind'] == kind
        assert made.table.metadata['diagnosis']['clusters'] == 3


def test_skipped_samples_get_a_neutral_row():
    x, _ = modes([400, 100, 40])
    table = pipeline.make_table(embedded(x, ['a', 'b'])).table
    assert table.sample_id[-2:].tolist() == ['a', 'b']
    assert table.metadata['skipped'] == ['a', 'b']
    assert table.cluster_id[-2:].tolist() == [-1, -1]
    weight = dequity_weight(table.likelihood, eta=1.0, gamma=5.0)
    np.testing.assert_allclose(weight[-2:], weight[:-2].mean())


def test_neutral_likelihood_stays_in_range():
    for p in ([1.0], [1e-9, 1e-9], [1e-6, 1.0]):
        assert 0 < neutral_likelihood(np.array(p)) <= 1


def test_a_table_for_other_samples(tmp_path):
    x, mode = modes([500, 120, 60])
    train, other = embedded(x[:400]), embedded(x[400:])
    made = pipeline.make_table(train)
    out = tmp_path / 'new' / 't.parquet'
    made.fitted.save(modes_path(out))
    made.table.save(out)
    table = pipeline.apply_table(other, load_modes(out))
    by_mode = dict(zip(mode[:400], made.table.likelihood))
    want = np.array([by_mode[m] for m in mode[400:]])
    assert (table.likelihood == want).mean() > 0.98
    assert table.metadata['applied']['split'] == 'train.pkl'
    again = pipeline.apply_table(train, load_modes(out))
    assert (again.likelihood == made.table.likelihood).mean() > 0.99


@pytest.mark.parametrize('kind', ['relative', 'share'])
def test_soft_counts_of_other_samples(tmp_path, kind):
    """One cloud: nothing but counts, which others get from the file."""
    x, _ = modes([500], spread=1.0)
    train, other = embedded(x[:400]), embedded(x[400:])
    made = pipeline.make_table(train, kind=kind)
    assert len(np.unique(made.table.likelihood)) > 390
    assert (made.table.likelihood.max() == 1) == (kind == 'relative')
    made.fitted.save(tmp_path / 't.modes.npz')
    fitted = FittedModes.load(tmp_path / 't.modes.npz')
    again = pipeline.apply_table(train, fitted).likelihood
    np.testing.assert_allclose(again, made.table.likelihood, rtol=1e-6)
    new = pipeline.apply_table(other, fitted).likelihood
    assert (0 < new).all() and (new <= 1).all()
    # of the same cloud, so distributed alike
    np.testing.assert_allclose(
        np.median(new), np.median(made.table.likelihood), rtol=0.1)
    far = embedded(np.random.default_rng(9).standard_normal((4, 48)))
    assert pipeline.apply_table(far, fitted).likelihood.max() < new.min()


def test_a_file_from_before_there_were_soft_counts(tmp_path):
    """Its arrays are those of the method 'modes', and it is read as such."""
    x, _ = modes([300, 60])
    made = pipeline.make_table(embedded(x), ClusterSettings('modes'))
    made.fitted.save(tmp_path / 't.modes.npz')
    with np.load(tmp_path / 't.modes.npz') as file:
        assert set(file.files) == {'about', '0_centre', '0_axes', '0_cells',
                                   '0_cell_mode', '0_reach', '0_sizes'}
        assert b'soft' not in file['about'].tobytes()
    table = pipeline.apply_table(
        embedded(x), FittedModes.load(tmp_path / 't.modes.npz'))
    np.testing.assert_array_equal(table.likelihood, made.table.likelihood)


@pytest.mark.parametrize('settings, rtol', [
    (ClusterSettings('modes'), 0),
    # alone, rows are scaled to length 1 once more
    (ClusterSettings(), 1e-5)])
def test_each_camera_by_itself(tmp_path, settings, rtol):
    x, mode = modes([300, 60])
    rows = np.arange(360)
    views = [View('front', UnitVectors(x), rows),
             View('rear', UnitVectors(x[::2]), rows[::2])]
    alone = [
        pipeline.make_table(
            embedded(v.vectors.take(np.arange(len(v.rows)))), settings).table
        for v in views
    ]
    for policy, join in (('likelihood-min', np.min),
                         ('likelihood-mean', np.mean)):
        made = pipeline.make_table(
            embedded(x, policy=policy, views=views), settings)
        p = made.table.likelihood
        np.testing.assert_allclose(
            p[1::2], alone[0].likelihood[1::2], rtol=rtol)
        both = np.stack([alone[0].likelihood[::2], alone[1].likelihood])
        np.testing.assert_allclose(p[::2], join(both, axis=0), rtol=1e-5)
    # the clusters of the two are not confused
    rarest = both.argmin(axis=0) == 1
    rear = alone[1].cluster_id[rarest]
    want = np.where(rear < 0, -1, rear + alone[0].cluster_id.max() + 1)
    np.testing.assert_array_equal(made.table.cluster_id[::2][rarest], want)
    made.fitted.save(tmp_path / 'm.npz')
    assert set(FittedModes.load(tmp_path / 'm.npz').modes) == {'front', 'rear'}


def test_what_does_not_belong_together_is_refused(tmp_path):
    x, _ = modes([200, 40])
    made = pipeline.make_table(embedded(x))
    out = tmp_path / 't.parquet'
    made.table.save(out)
    with pytest.raises(FileNotFoundError, match='t.modes.npz'):
        load_modes(out)
    other = pipeline.make_table(embedded(x[:100])).fitted
    other.save(modes_path(out))
    with pytest.raises(ValueError, match='another table'):
        load_modes(out)
    (tmp_path / 't.modes.npz').write_bytes(b'PK\x03\x04 cut')
    with pytest.raises(ValueError, match='damaged'):
        load_modes(out)
    with pytest.raises(ValueError, match='48 numbers, but these have 30'):
        pipeline.apply_table(embedded(x[:, :30]), made.fitted)
    changed = embedded(x)
    changed = replace(changed, provenance=replace(
        changed.provenance, encoder=dict(name='ViT-B-32')))
    with pytest.raises(ValueError, match='embeddings that were given, but'):
        pipeline.apply_table(changed, made.fitted)


def test_a_table_that_names_no_features_has_pooled_ones():
    about = dict(name='net', weights_sha256='0', resize='', cameras='one')
    fitted = FittedModes({}, {}, dict(encoder=about))
    fitted.check_encoder(dict(about, features='pooled'))
    with pytest.raises(ValueError, match="features 'pooled' .* 'stages'"):
        fitted.check_encoder(dict(about, features='stages'))


def test_another_encoder_is_refused_before_its_work(tmp_path, fake_encoder):
    about = dict(name='ViT-B-32', weights_sha256='0', resize='', cameras='one')
    fitted = FittedModes({}, {}, dict(encoder=about))
    samples = Samples(['a'], [('a.png', )],
                      Provenance('images', 'relative_path'))
    with pytest.raises(ValueError, match="'ViT-B-32' .* with 'fake'"):
        embed_samples(samples, fake_encoder, None, ShardStore(tmp_path / 'e'),
                      fitted=fitted)
    assert fake_encoder.batches == [] and not (tmp_path / 'e').exists()


def test_plain_methods_have_nothing_to_apply():
    x, _ = modes([200, 40])
    made = pipeline.make_table(embedded(x), ClusterSettings('kmeans', 2))
    assert made.fitted is None
    assert made.table.metadata['clustering']['method'] == 'kmeans'


def test_degenerate_results_make_no_table():
    x, _ = modes([20])
    with pytest.raises(ValueError, match='20 clusters of 20 samples'):
        pipeline.make_table(embedded(x), ClusterSettings('kmeans', 20))
