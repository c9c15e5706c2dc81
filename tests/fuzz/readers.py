"""The readers of files that anybody may have made, each with a maker.

A maker is called once, with a folder, and returns a function that writes the
file of a seed; a reader does with it what a command would.
"""
import csv
import io
import json
import zipfile

import numpy as np

from . import beside, mutations


def table(folder):
    import pyarrow as pa
    import pyarrow.parquet as pq

    from dequity_mmdet3d.report import content, galleries
    from dequity_mmdet3d.table import LikelihoodTable
    names = [f'a/{i:03d}.png' for i in range(40)]
    metadata = dict(
        format_version=1, source='images', n=40, skipped=['a/001.png'],
        date='2026-01-01T00:00:00', encoder=dict(name='x', dim=4),
        clustering=dict(method='soft', count='frames'), notes=['x'],
        groups=dict(source='file names', drives=2, largest=30),
        near_duplicates=dict(looked_at=40, near=3, same_drive=2,
                             threshold=0.1),
        tags=dict(file='t.csv', clusters=['rain', 'dry'], agreement=dict(
            weather=dict(told=0.5, purity=0.9, auroc=dict(rain=0.4, dry=0.6),
                         samples=dict(rain=20, dry=20)))),
        diagnosis=dict(samples=40, clusters=2, lone=0, rare=0, weight=0.5,
                       clear=0.5, stability=0.8, drives=[0.7],
                       tenths=[0.1] * 10, deviation=[0.01] * 10))
    columns = dict(
        sample_id=pa.array(names), likelihood=np.linspace(0.1, 1, 40),
        cluster_id=np.arange(40) % 2, cluster_size=np.full(40, 20))

    def write(rng, path):
        about = mutations.value(rng, metadata) if rng.random() < 0.6 else (
            metadata)
        raw = io.BytesIO()
        pq.write_table(pa.table(columns).replace_schema_metadata(
            {b'dequity_mmdet3d': json.dumps(about).encode()}), raw)
        raw = raw.getvalue()
        path.write_bytes(raw if about is not metadata
                         else mutations.damaged(rng, raw))

    def read(path):
        found = LikelihoodTable.load(path)
        rows = np.arange(len(found))
        catalog = type('Catalog', (), dict(objects={}))
        json.dumps(content.chart_data(found, catalog, rows, None, 1, 5),
                   allow_nan=False)
        for line in content.stability(found.metadata):
            assert isinstance(line, str)
        content.provenance(found.metadata)
        galleries.galleries(found, rows)

    return 't.parquet', write, read


def tags(folder):
    import pyarrow as pa
    import pyarrow.parquet as pq

    from dequity_mmdet3d.tag_file import read_tags
    raw = io.BytesIO()
    pq.write_table(pa.table(dict(
        sample_id=[str(i) for i in range(50)], weather=['rain', 'dry'] * 25,
        n=np.arange(50))), raw)

    def write(rng, path):
        path.write_bytes(mutations.damaged(rng, raw.getvalue()))

    return 't.parquet', write, lambda path: read_tags(path).values(
        'weather', ['1', '2'])


def tags_csv(folder):
    from dequity_mmdet3d.tag_file import read_tags
    raw = b'sample_id,weather\n' + b''.join(
        b'%d,"ra,in"\n' % i for i in range(30))

    def write(rng, path):
        path.write_bytes(mutations.damaged(rng, raw))

    return 't.csv', write, lambda path: read_tags(path).values(
        'weather', ['1', '2'])


def groups(folder):
    from dequity_mmdet3d.likelihood.samples.groups import read_groups
    ids = [str(i) for i in range(20)]
    text = io.StringIO()
    csv.writer(text).writerows([('id', 'group'), *((i, 'g') for i in ids)])

    def write(rng, path):
        path.write_bytes(mutations.damaged(rng, text.getvalue().encode()))

    return 'g.csv', write, lambda path: read_groups(path, ids)


def _infos():
    return dict(metainfo=dict(dataset='kitti', categories=dict(Car=0)),
                data_list=[dict(
                    sample_idx=i, images=dict(CAM2=dict(
                        img_path=f'{i:06d}.png')), lidar_points=dict(
                            lidar_path=f'{i:06d}.bin'),
                    instances=[dict(bbox_label_3d=0, bbox_label=0)])
                    for i in range(4)])


def _coco():
    return dict(images=[dict(id=i, file_name=f'{i}.png', width=9, height=9)
                        for i in range(4)],
                annotations=[dict(image_id=1, category_id=3, iscrowd=0)],
                categories=[dict(id=3, name='car')])


def _read_info(path):
    """All that a config makes of it, but for finding the images."""
    from dequity_mmdet3d.likelihood.samples import (
        host_config,
        image_folders,
        instances,
    )
    from dequity_mmdet3d.likelihood.samples.groups import sequence_of_info
    base = dict(type='KittiDataset', data_root=str(path.parent),
                ann_file=path.name, filter_cfg=dict(filter_empty_gt=True))
    infos, metainfo, _ = host_config.training_infos(base, 'c.py')
    for info in infos:
        host_config.sample_id_of(info, '')
        sequence_of_info(info, metainfo.get('dataset'))
    instances.counts_of(infos, metainfo, base)
    try:
        image_folders.image_paths(infos, str(path.parent))
    except FileNotFoundError:
        pass  # there are none here


def info_json(folder):

    def write(rng, path):
        tree = rng.choice([_infos, _coco])()
        path.write_bytes(mutations.text(rng, tree))

    return 'i.json', write, _read_info


def info_pickle(folder):
    import pickle
    raw = [pickle.dumps(_infos(), p) for p in (0, 2, 4)]

    def write(rng, path):
        kind = rng.random()
        path.write_bytes(
            mutations.pickle(rng) if kind < 0.4 else
            mutations.damaged(rng, rng.choice(raw)) if kind < 0.7 else
            pickle.dumps(mutations.value(rng, _infos()), 2))

    return 'i.pkl', write, _read_info


def cluster_info(folder):
    import pickle

    from dequity_mmdet3d.likelihood.estimation.cluster_info import (
        table_from_cluster_info,
    )
    tree = {str(i): dict(cluster_id=0, cluster_size=4,
                         largest_cluster_size=4) for i in range(4)}

    def write(rng, path):
        path.write_bytes(
            pickle.dumps(mutations.value(rng, tree), 2)
            if rng.random() < 0.7 else
            mutations.damaged(rng, pickle.dumps(tree, 2)))

    return 'c.pkl', write, table_from_cluster_info


def modes(folder):
    from dequity_mmdet3d.likelihood.embeddings.vectors import UnitVectors
    from dequity_mmdet3d.likelihood.estimation.modes_file import FittedModes
    rng = np.random.default_rng(0)
    k, d, q = 5, 8, 3
    about = dict(encoder=dict(name='x', weights_sha256='a', resize='b',
                              cameras='one', features='stages'),
                 how='mean', kind='relative', n=50, ids_sha256='0' * 64,
                 split=None, date='2026', views=[''], levels=[2.0],
                 soft=[dict(bandwidth=0.5, floor=0.1, near=0.1, level=1.0,
                            slope=1.0, noise=0.1, weight=0.5, clear=0.5, n=50,
                            top=1.0)])
    arrays = {
        '0_centre': rng.normal(size=d).astype('f4'),
        '0_axes': np.eye(d, q, dtype='f4'),
        '0_cells': rng.normal(size=(k, q)).astype('f4'),
        '0_cell_mode': np.arange(k) % 2, '0_reach': np.ones(k, 'f4'),
        '0_sizes': np.array([30, 20]), '0_viewpoint': np.zeros(q, 'f4'),
        '0_cell_size': np.full(k, 10.0), '0_cell_spread': np.full(k, 0.1)}
    vectors = UnitVectors(rng.normal(size=(6, d)).astype('f4'))

    def write(rng, path):
        kind = rng.random()
        said = mutations.text(rng, about) if kind < 0.4 else json.dumps(
            about).encode()
        some = dict(arrays)
        if 0.4 <= kind < 0.8:
            name = rng.choice(list(some))
            some[name] = rng.choice([
                np.zeros(0), np.zeros((2, 2, 2)), np.full(k, np.nan),
                np.array('x'), np.zeros((k, q), 'c8'), some[name][:-1],
                some[name].astype('i8') - 7, some[name] + 10**6,
                rng.choice(list(some.values()))])
        raw = io.BytesIO()
        save = np.savez_compressed if kind > 0.97 else np.savez
        save(raw, about=np.frombuffer(said, np.uint8), **some)
        path.write_bytes(mutations.damaged(rng, raw.getvalue())
                         if 0.8 <= kind < 0.97 else raw.getvalue())

    def read(path):
        found = FittedModes.load(path)
        found.check_encoder(about['encoder'])
        for name in found.modes:
            if found.modes[name].subspace.centre.shape == (d, ):
                columns = found.columns(name, vectors)
                assert len(columns.likelihood) == 6

    return 't.modes.npz', write, read


def embeddings(folder):
    from dequity_mmdet3d.likelihood.embeddings.vectors import UnitVectors
    from dequity_mmdet3d.likelihood.samples.sources import (
        samples_from_embeddings,
    )
    raw = io.BytesIO()
    np.save(raw, np.arange(1.0, 31).reshape(10, 3))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, 'w') as f:
        f.writestr('a.npy', raw.getvalue())
    kinds = [raw.getvalue()] * 5 + [archive.getvalue()]

    def write(rng, path):
        some = mutations.damaged(rng, rng.choice(kinds))
        if rng.random() < 0.5:  # the header, which says how large it is
            head = mutations.damaged(rng, raw.getvalue()[:128])
            some = head + raw.getvalue()[128:]
        path.write_bytes(some)

    def read(path):
        samples, found = samples_from_embeddings(path)
        UnitVectors(found, samples.ids).check()

    return 'e.npy', write, read


def shards(folder):
    """The one beside a table, under a right checksum or not, and who made it.
    """
    import pyarrow as pa

    from dequity_mmdet3d.likelihood.embeddings.arrow_file import file_name
    from dequity_mmdet3d.likelihood.embeddings.lookup import stored_embeddings
    from dequity_mmdet3d.likelihood.embeddings.shards import ShardStore
    names = [f'{i}.png' for i in range(4)]
    paths = [str(folder / name) for name in names]
    identity = dict(encoder='x', dim=3, weights_sha256='a', dtype='float32',
                    features='stages')
    with ShardStore(folder / 't.embeddings', 'float32', 4).open(
            identity) as found:
        found.write(0, names, ['1 2'] * 4, np.eye(4, 3),
                    [None, None, None, 'cut off'])
    [shard] = folder.glob('t.embeddings/*/000000-*.arrow')
    said = shard.with_name('identity.json')
    raw = shard.read_bytes()
    batch = pa.ipc.open_file(raw).get_batch(0)

    def write(rng, path):
        said.write_text(json.dumps(identity))
        for old in shard.parent.glob('*.arrow'):
            old.unlink()
        kind, content, name = rng.randrange(4), raw, shard.name
        if kind == 0:
            said.write_bytes(mutations.text(rng, identity))
        elif kind == 1:
            content = mutations.damaged(rng, raw)
        elif kind == 2:  # as somebody would who means it
            content = mutations.damaged(rng, raw)
            name = file_name(0, content)
        else:
            end = io.BytesIO()
            odd = batch.select(rng.sample(batch.schema.names,
                                          rng.randrange(1, 5)))
            with pa.ipc.new_file(end, odd.schema) as writer:
                for _ in range(rng.randrange(3)):
                    writer.write_batch(odd.slice(rng.randrange(4)))
            content = end.getvalue()
            name = file_name(0, content)
        (shard.parent / name).write_bytes(content)

    def read(path):
        vectors, usable = stored_embeddings(path, dict(encoder=dict(
            weights_sha256='a', features='stages')), paths)
        assert vectors.shape == (4, 3) and usable.shape == (4, )

    return 't.parquet', write, read


def runs(folder):
    from dequity_mmdet3d.compare.run_folder import Comparison, read_evaluation
    from dequity_mmdet3d.compare.summary import write_table
    from dequity_mmdet3d.report.runs import read_runs
    said = dict(arms=dict(baseline='baseline', equity='equity'), seeds=[0, 1])
    result = dict(arm='equity', seed=0, steps=10, seconds=1.5,
                  checkpoint='a.pth', metrics={
                      'k/rare/Car_3D': 1.0, 'k/rare/Car_3D_objects': 3,
                      'k/mAP': 0.5})
    line = {'loss': 1.0, 'step': 1, 'grad_norm': 2.0}

    def write(rng, path):
        which = rng.randrange(4)
        root = path.parent
        for arm in ('baseline', 'equity'):
            for seed in (0, 1):
                run = root / arm / f'seed_{seed}'
                (run / 't' / 'vis_data').mkdir(parents=True, exist_ok=True)
                (run / 'test' / 't').mkdir(parents=True, exist_ok=True)
                ours = arm == 'equity' and seed == 0
                (run / 'result.json').write_bytes(
                    mutations.text(rng, result) if ours and which == 1 else
                    json.dumps(result).encode())
                (run / 't' / 'vis_data' / 'scalars.json').write_bytes(
                    mutations.text(rng, line) if ours and which == 2 else
                    json.dumps(line).encode())
                (run / 'test' / 't' / 't.json').write_bytes(
                    mutations.text(rng, result['metrics'])
                    if ours and which == 3 else b'{}')
        path.write_bytes(mutations.text(rng, said) if which == 0 else
                         json.dumps(said).encode())

    def read(path):
        read_evaluation(path.parent / 'equity' / 'seed_0')
        found = read_runs(path.parent)
        json.dumps([found.curves, found.rows, found.arms], allow_nan=False)
        write_table(Comparison.read(path.parent))

    return 'comparison.json', write, read


def images(folder):
    from PIL import Image

    from dequity_mmdet3d.likelihood.encoding.images import (
        ImageError,
        load_rgb,
    )
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (24, 32, 3), dtype=np.uint8)
    kinds = []
    Image.init()
    for name in sorted(Image.SAVE):
        for mode in ('RGB', 'L', '1', 'P', 'F'):
            raw = io.BytesIO()
            try:
                Image.fromarray(pixels).convert(mode).save(raw, name)
            except Exception:  # Pillow cannot write all it knows
                continue
            kinds.append(raw.getvalue())

    def write(rng, path):
        path.write_bytes(mutations.damaged(rng, rng.choice(kinds)))

    def read(path):
        try:
            assert load_rgb(path, (8, 8)).mode == 'RGB'
        except ImageError as e:
            raise ValueError(f'{path}: {e}') from e

    return 'a.png', write, read


def checkpoint(folder):
    import torch
    from mmengine.config import ConfigDict
    from mmengine.logging import HistoryBuffer

    from dequity_mmdet3d.plugin import mend_host
    mend_host(quiet=True)
    raw = io.BytesIO()
    torch.save(dict(
        message_hub=dict(log_scalars=dict(loss=HistoryBuffer([1.], [1])),
                         best=np.float64(0.5)),
        meta=dict(dataset_meta=ConfigDict(classes=('car', ))),
        state_dict=dict(w=torch.ones(3))), raw)

    def write(rng, path):
        with zipfile.ZipFile(raw) as old, zipfile.ZipFile(path, 'w') as new:
            for member in old.infolist():
                data = old.read(member)
                if member.filename.endswith('data.pkl'):
                    data = mutations.pickle(rng) if rng.random() < 0.4 else (
                        mutations.damaged(rng, data))
                new.writestr(member.filename, data)

    def read(path):
        try:
            torch.load(path, weights_only=True)
        except Exception as e:  # of PyTorch: it may raise what it likes
            raise ValueError(f'{path}: {e}') from e

    return 'a.pth', write, read


READERS = [table, tags, tags_csv, groups, info_json, info_pickle,
           cluster_info, modes, embeddings, shards, runs, images, checkpoint,
           *beside.MAKERS]
