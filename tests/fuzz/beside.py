"""Makers for files that lie beside a table or a run, see :mod:`.readers`."""
import io
import json

import numpy as np

from . import mutations


def rows(folder):
    """``T.rows.npz``, and all that --apply makes of it."""
    from dequity_mmdet3d.likelihood.beside import rows_path
    from dequity_mmdet3d.likelihood.clustering import ClusterSettings
    from dequity_mmdet3d.likelihood.embeddings.cameras import View
    from dequity_mmdet3d.likelihood.embeddings.vectors import UnitVectors
    from dequity_mmdet3d.likelihood.encoding.embed import Embedded
    from dequity_mmdet3d.likelihood.estimation.make_table import make_table
    from dequity_mmdet3d.likelihood.estimation.overlap import (
        TrainingRows,
        find_overlap,
    )
    from dequity_mmdet3d.provenance import Provenance
    rng = np.random.default_rng(0)
    x = (np.eye(6)[np.arange(40) % 3] + 0.1 * rng.normal(size=(40, 6))
         ).astype('f4')
    embedded = Embedded(
        [f's{i}' for i in range(40)],
        [View('', UnitVectors(x), np.arange(40))],
        Provenance('embeddings', 'row'))
    made = make_table(embedded, ClusterSettings('modes'))
    table = folder / 't.parquet'
    made.table.save(table)
    ids = made.table.sample_id.tolist()
    arrays = dict(
        of=np.array([made.rows.ids_sha256, made.rows.date]),
        table=np.array([made.table.sha256]), views=np.array(['']),
        **{'0_rows': made.rows.rows[''], '0_samples': made.rows.samples['']})
    n, q = arrays['0_rows'].shape

    def write(rng, path):
        some = dict(arrays)
        kind = rng.random()
        if kind < 0.6:
            name = rng.choice(list(some))
            some[name] = rng.choice([
                np.zeros(0), np.zeros((2, 2, 2)), np.full(n, np.nan),
                np.array('x'), np.array(['x', 'y']), np.zeros((n, q), 'c8'),
                some[name][:-1], np.zeros((n, q + 1), 'f2'),
                np.full((n, q), np.inf, 'f2'), np.full(n, 10**6),
                np.array([['']]), np.arange(n) - 1,
                rng.choice(list(some.values()))])
        if 0.5 < kind < 0.7:
            del some[rng.choice(list(some))]
        raw = io.BytesIO()
        np.savez(raw, **some)
        path.write_bytes(mutations.damaged(rng, raw.getvalue())
                         if kind > 0.8 else raw.getvalue())

    def read(path):
        assert str(path) == rows_path(str(table))
        found = TrainingRows.load(table, made.table, made.fitted)
        if found is not None:
            find_overlap(embedded, made.fitted, found, ids)

    return 't.rows.npz', write, read


def objects(folder):
    """An object table, and what the page and a metric make of it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from dequity_mmdet3d.columns import neutral_of
    from dequity_mmdet3d.object_table import ObjectTable
    n = 40
    columns = dict(
        sample_id=pa.array([f's{i // 2}' for i in range(n)]),
        object_index=np.arange(n) % 2,
        class_name=pa.array(['Car'] * 30 + ['Van'] * 10),
        likelihood=np.linspace(0.1, 1, n), cluster_id=np.arange(n) // 30,
        cluster_size=np.full(n, 20))
    metadata = dict(
        format_version=1, table='objects', neutral=[3], n=20,
        source='config', date='2026-01-01T00:00:00',
        objects=dict(rule='rarest', features='images', margin=0.1))

    def write(rng, path):
        some, about = dict(columns), metadata
        kind = rng.random()
        if kind < 0.4:
            about = mutations.value(rng, metadata)
        elif kind < 0.8:
            name = rng.choice(list(some))
            some[name] = rng.choice([
                np.zeros(n), np.full(n, np.nan), np.arange(n) - 1,
                pa.array([None] * n, pa.string()), pa.array([''] * n),
                pa.array(['a'] * n), pa.array(['\x1b[2J'] * n),
                np.full(n, 2**62), np.zeros(n, bool), np.ones(n, 'u8'),
                rng.choice(list(some.values()))])
        raw = io.BytesIO()
        pq.write_table(pa.table(some).replace_schema_metadata(
            {b'dequity_mmdet3d': json.dumps(about).encode()}), raw)
        path.write_bytes(mutations.damaged(rng, raw.getvalue())
                         if kind > 0.85 else raw.getvalue())

    def read(path):
        found = ObjectTable.load(path)
        assert sum(found.classes.values()) == len(found)
        rows = found.index(found.sample_id, found.object_index)
        assert (rows == np.arange(len(found))).all()
        assert len(found.rows_of('s3')) <= len(found)
        try:
            assert neutral_of(found).shape == (len(found), )
        except ValueError as e:
            raise ValueError(f'{path}: {e}') from e

    return 't.objects.parquet', write, read


def bad_images(folder):
    """A list of bad images, and what the page shows of it."""
    from dequity_mmdet3d.likelihood.encoding.bad_images import (
        read_bad_images,
        write_bad_images,
    )
    from dequity_mmdet3d.report.content import bad_images as shown
    whole = folder / 'whole.txt'
    write_bad_images(whole, [
        (f'a\t{i}\\.png', 'cut\noff') for i in range(20)])
    raw = whole.read_bytes()

    def write(rng, path):
        path.write_bytes(mutations.damaged(rng, raw))

    def read(path):
        found = read_bad_images(path)
        count, some = shown(folder / 't.parquet')
        assert count == len(found) and len(some) <= count
        write_bad_images(path, found)
        assert read_bad_images(path) == found

    return 't.bad_images.txt', write, read


def trained(folder):
    """What says that a training of a comparison is over."""
    from dequity_mmdet3d.compare.run_folder import read_trained

    def write(rng, path):
        path.write_bytes(
            mutations.damaged(rng, b'epoch_12.pth 1234.5')
            if rng.random() < 0.7 else
            f'{rng.choice(mutations.ODD)} {rng.choice(mutations.ODD)}'.encode(
                errors='surrogatepass'))

    def read(path):
        found = read_trained(path.parent)
        assert found.checkpoint.parent == path.parent
        assert 0 <= found.seconds < float('inf')

    return 'trained', write, read


MAKERS = [rows, objects, bad_images, trained]
