"""The loop over images: order, bits, failures, resuming."""
import os

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip('torch')
from dequity_mmdet3d.likelihood.embeddings.shards import ShardStore
from dequity_mmdet3d.likelihood.encoding import encode
from dequity_mmdet3d.likelihood.encoding.encode import (
    EncodeSettings,
    batch_sizes,
    default_batch_size,
    default_workers,
    encode_images,
)
from dequity_mmdet3d.processes import Alone

from ..helpers import write_images

QUIET = dict(progress=False)


def naive(path):
    """The fake encoder, one image at a time, resized by Pillow."""
    x = np.float32(Image.open(path).resize((8, 8), Image.BICUBIC))
    x = x.reshape(2, 4, 2, 4, 3).mean(axis=(1, 3)).transpose(2, 0, 1).ravel()
    return x / np.linalg.norm(x)


@pytest.fixture
def run(tmp_path, fake_encoder):
    """Encode paths with a store of small shards; counts what was encoded."""

    def run(paths, workers=1, batch_size=4, folder='store', **store):
        fake_encoder.batches.clear()
        store = dict(dict(dtype='float32', shard_size=8), **store)
        encoded = encode_images(
            [str(p) for p in paths], fake_encoder,
            EncodeSettings(batch_size, workers, **QUIET),
            ShardStore(tmp_path / folder, **store))
        return encoded, sum(fake_encoder.batches)

    return run


@pytest.mark.parametrize('workers', [0, 1, 3])
def test_order_and_values(tmp_path, run, fake_encoder, workers):
    paths = write_images(tmp_path / 'images', 19)
    got, count = run(paths, workers)
    assert [s.shape for s in got.shards] == [(8, 12), (8, 12), (3, 12)]
    assert all(isinstance(s, np.memmap) for s in got.shards)
    # one level of 255 is what torch's and Pillow's resize may differ by
    np.testing.assert_allclose(
        np.concatenate(got.shards), [naive(p) for p in paths], atol=2e-3)
    assert got.usable.tolist() == [True] * 19 and got.failures == []
    assert got.rate > 0 and count == 19
    # no batch holds images of two shards
    assert sorted(fake_encoder.batches) == [3, 4, 4, 4, 4]


def test_float16_is_the_default_and_loses_little(tmp_path, run):
    paths = write_images(tmp_path / 'images', 9)
    half, _ = run(paths, dtype='float16')
    full, _ = run(paths)
    assert ShardStore(tmp_path).dtype == 'float16'
    assert half.shards[0].dtype == np.float16
    cosine = (np.float64(half.shards[0]) * full.shards[0]).sum(axis=1)
    norm = np.linalg.norm(np.float64(half.shards[0]), axis=1)
    assert (cosine / norm > 1 - 1e-6).all() and (abs(norm - 1) < 1e-3).all()


def test_workers_do_not_change_a_bit(tmp_path, run):
    paths = write_images(tmp_path / 'images', 13)
    for workers in (0, 1, 4):
        run(paths, workers, folder=str(workers))
    files = [sorted((tmp_path / str(w)).rglob('0*.npy')) for w in (0, 1, 4)]
    assert len(files[0]) == 2
    for same in zip(*files):
        assert len({path.read_bytes() for path in same}) == 1


def test_torch_gets_its_threads_back(tmp_path, run):
    before = torch.get_num_threads()
    for workers in (0, 2):
        run(write_images(tmp_path / 'images', 3), workers, folder=str(workers))
        assert torch.get_num_threads() == before


def test_nothing_is_done_twice(tmp_path, run, fake_encoder):
    paths = write_images(tmp_path / 'images', 19)
    first, _ = run(paths)
    stamps = [first.shards.path(k).stat().st_mtime_ns for k in range(3)]
    again, count = run(paths)
    assert count == 0 and again.rate is None
    assert stamps == [again.shards.path(k).stat().st_mtime_ns
                      for k in range(3)]
    # one image changes: its shard, and no other
    image = Image.open(paths[9]).copy()
    image.putpixel((0, 0), (0, 0, 0))
    image.save(paths[9])
    _, count = run(paths)
    assert count == 8
    # only its time changes: it could be another image of the same size
    os.utime(paths[18], (1, 1))
    assert run(paths)[1] == 3


def test_the_data_set_may_move(tmp_path, run):
    paths = write_images(tmp_path / 'a' / 'images', 5)
    run(paths)
    (tmp_path / 'a').rename(tmp_path / 'b')
    _, count = run([tmp_path / 'b' / 'images' / p.name for p in paths])
    assert count == 0


def test_damaged_shards_are_made_anew(tmp_path, run):
    paths = write_images(tmp_path / 'images', 8)
    first, _ = run(paths)
    path = first.shards.path(0)
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[200] ^= 1  # within the numbers
    for damage in (b'', whole[:100], whole[:-1], bytes(flipped),
                   b'PK\x03\x04' + whole, b'\x80\x04N.', whole * 2):
        path.write_bytes(damage)
        assert run(paths)[1] == (0 if damage == whole * 2 else 8)
        assert path.read_bytes() in (whole, whole * 2)
    path.unlink()
    assert run(paths)[1] == 8


def test_another_identity_is_told_and_kept_apart(tmp_path, run, fake_encoder):
    said = []
    paths = write_images(tmp_path / 'images', 8)
    first, _ = run(paths, say=said.append)
    before = first.shards.path(0).read_bytes()
    assert said == []
    fake_encoder.fingerprint = 'f' * 64
    _, count = run(paths, say=said.append)
    assert count == 8
    assert said.pop() == (f'encoding anew: what is in {first.folder} was made '
                          'with another weights')
    _, count = run(paths[:7], say=said.append)
    assert count == 7
    assert said.pop().endswith('another number of images, list of images')
    _, count = run(paths[::-1], say=said.append)
    assert count == 8 and said.pop().endswith('another list of images')
    _, count = run(paths, dtype='float16', say=said.append)
    assert count == 8 and said.pop().endswith('another embedding dtype')
    _, count = run(paths, say=said.append)
    assert count == 0
    assert said == ['1 of 1 shards of embeddings are there already']
    assert first.shards.path(0).read_bytes() == before


@pytest.mark.parametrize('workers', [0, 2])
def test_bad_images(tmp_path, run, workers):
    paths = write_images(tmp_path / 'images', 20)
    want, _ = run(paths, workers, folder='good')
    for i in (3, 4, 7, 9, 12, 15):
        paths[i].write_bytes(paths[i].read_bytes()[:200])
    paths[19].unlink()
    bad = [3, 4, 7, 9, 12, 15, 19]
    got, _ = run(paths, workers)
    assert [p for p, _ in got.failures] == [str(paths[i]) for i in bad]
    assert got.failures[-1][1] == 'no such file'
    assert np.flatnonzero(~got.usable).tolist() == bad
    # zero rows for them; to the others it makes no difference
    want, rows = np.concatenate(want.shards), np.concatenate(got.shards)
    want[bad] = 0
    assert want.tobytes() == rows.tobytes()


def test_failures_of_finished_shards_are_listed_again(tmp_path, run):
    paths = write_images(tmp_path / 'images', 17)
    good = paths[12].read_bytes()
    paths[3].write_bytes(b'')
    paths[12].write_bytes(good[:200])
    first, _ = run(paths)
    again, count = run(paths)
    assert count == 0 and again.failures == first.failures
    assert len(first.failures) == 2
    # repaired, which its stamp alone might not tell
    stat = paths[12].stat()
    paths[12].write_bytes(good)
    os.utime(paths[12], ns=(stat.st_atime_ns, stat.st_mtime_ns))
    repaired, count = run(paths)
    assert count == 8
    assert [p for p, _ in repaired.failures] == [str(paths[3])]


def test_an_embedding_without_direction_is_a_failure(tmp_path, run):
    paths = write_images(tmp_path / 'images', 3)
    Image.new('RGB', (40, 24)).save(paths[1])  # black: all features are 0
    got, _ = run(paths)
    assert got.usable.tolist() == [True, False, True]
    assert got.failures == [(str(paths[1]), 'its embedding has no direction: '
                             'NaN, inf or only zeros')]


@pytest.mark.parametrize('workers', [0, 2])
def test_errors_and_interrupts_leave_at_once(tmp_path, run, fake_encoder,
                                             monkeypatch, workers):
    paths = write_images(tmp_path / 'images', 64)
    good = fake_encoder.encode

    for error in (RuntimeError('bug'), KeyboardInterrupt()):
        calls = []

        def encode_two(batch):
            calls.append(0)
            if len(calls) > 2:
                raise error
            return good(batch)

        monkeypatch.setattr(fake_encoder, 'encode', encode_two)
        with pytest.raises(type(error)):
            run(paths, workers, folder=type(error).__name__)
        assert len(calls) < 8
    monkeypatch.setattr(fake_encoder, 'encode', good)
    # what was finished is not lost; of two threads, the second one's batch
    # may be the one that failed
    left = run(paths, workers, folder='RuntimeError')[1]
    assert left == 56 if workers == 0 else left in (56, 64)


def test_too_large_batches_are_explained(tmp_path, run, fake_encoder,
                                         monkeypatch):

    def too_large(batch):
        raise torch.cuda.OutOfMemoryError('CUDA out of memory')

    monkeypatch.setattr(fake_encoder, 'encode', too_large)
    with pytest.raises(ValueError, match='batch of 3 .* --batch-size'):
        run(write_images(tmp_path / 'images', 3))


class OneOfTwo(Alone):
    """Process `rank` of two, which run one after the other here."""
    world = 2

    def __init__(self, rank):
        self.rank = rank

    def gather(self, value):
        return [value, value]


def test_processes_share_the_shards(tmp_path, run, fake_encoder, monkeypatch):
    """Each does every second one, and the files are those of one alone."""
    paths = [str(p) for p in write_images(tmp_path / 'images', 20)]
    alone, _ = run(paths)
    store = ShardStore(tmp_path / 'two', 'float32', 8)
    settings = EncodeSettings(4, 1, **QUIET)
    fake_encoder.batches.clear()
    monkeypatch.setattr(encode.time, 'sleep', lambda s: None)
    # process 0 of this test cannot wait for shard 1: it gives up
    with pytest.raises(OSError, match='000001.npy has vanished'):
        encode_images(paths, fake_encoder, settings, store, OneOfTwo(0))
    assert sum(fake_encoder.batches) == 12  # shards 0 and 2
    both = encode_images(paths, fake_encoder, settings, store, OneOfTwo(1))
    assert sum(fake_encoder.batches) == 20
    for k in range(3):
        assert (both.shards.path(k).read_bytes() == alone.shards.path(
            k).read_bytes())


def test_processes_that_disagree(tmp_path, fake_encoder):

    class Other(OneOfTwo):

        def gather(self, value):
            return [value, dict(value, precision='bfloat16')]

    with pytest.raises(ValueError, match="same precision, but process 0 has "
                       "'float32' and process 1 'bfloat16'"):
        encode_images([str(p) for p in write_images(tmp_path / 'i', 1)],
                      fake_encoder, None, ShardStore(tmp_path / 's'), Other(0))
    assert not (tmp_path / 's').exists()


@pytest.mark.parametrize('last', [False, True])
def test_batches_cover_a_shard(last):
    for count in (1, 7, 8, 9, 100, 1024):
        for largest in (1, 4, 8, 32, 64):
            sizes = batch_sizes(count, largest, last)
            assert sum(sizes) == count
            assert 0 < min(sizes) and max(sizes) <= largest
            # small ones only where the threads are about to end
            assert sizes.count(largest) * largest >= (
                count - 4 * largest if last else count - largest)
    assert batch_sizes(100, 32, False) == [32, 32, 32, 4]
    assert batch_sizes(100, 32, True) == [25, 18, 14, 10, 8, 8, 8, 8, 1]


def test_defaults(fake_encoder, monkeypatch):
    monkeypatch.setattr(encode, 'usable_cores', lambda: 24)
    team = Alone()
    assert default_batch_size(fake_encoder) == 8
    assert default_workers(fake_encoder, team) == 24
    team.sharing = 5  # processes on this machine
    assert default_workers(fake_encoder, team) == 4
    team.sharing = 99
    assert default_workers(fake_encoder, team) == 1
    fake_encoder.precision = 'bfloat16'
    assert default_batch_size(fake_encoder) == 32
    fake_encoder.device = torch.device('cuda')
    assert default_batch_size(fake_encoder) == 64
    assert default_workers(fake_encoder, Alone()) == 16


@pytest.mark.parametrize('changes', [
    dict(batch_size=0), dict(workers=-1), dict(batch_size=2.0),
    dict(workers=True)
])
def test_settings_are_checked(changes):
    with pytest.raises(ValueError, match=f'{list(changes)[0]} must be'):
        EncodeSettings(**changes)
