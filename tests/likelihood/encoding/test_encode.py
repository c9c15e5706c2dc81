"""The loop over images: order, bits, failures, resuming."""
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip('torch')
from dequity_mmdet3d.likelihood.embeddings.shards import Shards, ShardStore
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


def shards_in(folder):
    """Files by rising number, and when they were written."""
    return {path: path.stat().st_mtime_ns
            for path in sorted(folder.glob('*.arrow'))}


@pytest.fixture
def run(tmp_path, fake_encoder):
    """Encode paths with a store of small shards; counts what was encoded."""

    def run(paths, workers=1, batch_size=4, folder='store', root=None,
            **store):
        fake_encoder.batches.clear()
        store = dict(dict(dtype='float32', shard_size=8), **store)
        encoded = encode_images(
            [str(p) for p in paths], fake_encoder,
            EncodeSettings(batch_size, workers, **QUIET),
            ShardStore(tmp_path / folder, **store), root=root)
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
    files = [sorted((tmp_path / str(w)).rglob('0*.arrow')) for w in (0, 1, 4)]
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
    files = shards_in(first.folder)
    assert len(files) == 3
    again, count = run(paths)
    assert count == 0 and again.rate is None
    assert shards_in(first.folder) == files
    # one image changes: it, and no other
    image = Image.open(paths[9]).copy()
    image.putpixel((0, 0), (0, 0, 0))
    image.save(paths[9])
    changed, count = run(paths)
    assert count == 1
    np.testing.assert_allclose(np.concatenate(changed.shards),
                               [naive(p) for p in paths], atol=2e-3)
    # nothing that was there has been written to
    assert files.items() < shards_in(first.folder).items()
    # only its time changes: it could be another image of the same size
    os.utime(paths[18], (1, 1))
    assert run(paths)[1] == 1
    assert run(paths)[1] == 0


def test_the_data_set_may_move(tmp_path, run):
    paths = write_images(tmp_path / 'a' / 'images', 5)
    run(paths)
    (tmp_path / 'a').rename(tmp_path / 'b')
    _, count = run([tmp_path / 'b' / 'images' / p.name for p in paths])
    assert count == 0


def test_damaged_shards_are_made_anew(tmp_path, run):
    paths = write_images(tmp_path / 'images', 8)
    first, _ = run(paths)
    want = np.concatenate(first.shards).tobytes()
    path, = shards_in(first.folder)
    whole = path.read_bytes()
    for damage in (b'', whole[:100], whole[:-1],
                   *(flipped(whole, at) for at in (9, 200, len(whole) - 9)),
                   b'PK\x03\x04' + whole, b'\x80\x04N.', whole * 2):
        path.write_bytes(damage)
        again, count = run(paths)
        assert count == 8 and not path.exists()
        assert np.concatenate(again.shards).tobytes() == want
        path, = shards_in(first.folder)
    path.unlink()
    assert run(paths)[1] == 8


def flipped(content, at):
    content = bytearray(content)
    content[at] ^= 1
    return bytes(content)


def test_of_a_damaged_shard_the_other_shards_stay(tmp_path, run):
    paths = write_images(tmp_path / 'images', 20)
    first, _ = run(paths)
    want = np.concatenate(first.shards).tobytes()
    _, path, _ = shards_in(first.folder)
    path.write_bytes(flipped(path.read_bytes(), 300))
    again, count = run(paths)
    assert count == 8
    assert np.concatenate(again.shards).tobytes() == want


def test_shards_of_another_identity_are_made_anew(tmp_path, run,
                                                  fake_encoder):
    paths = write_images(tmp_path / 'images', 8)
    first, _ = run(paths)
    fake_encoder.fingerprint = 'f' * 64
    second, _ = run(paths)
    path, = shards_in(first.folder)
    mine, = shards_in(second.folder)
    mine.unlink()
    (second.folder / path.name).write_bytes(path.read_bytes())
    assert run(paths)[1] == 8
    assert not (second.folder / path.name).exists()


def test_another_identity_is_told_and_kept_apart(tmp_path, run, fake_encoder):
    said = []
    paths = write_images(tmp_path / 'images', 8)
    first, _ = run(paths, say=said.append)
    path, = shards_in(first.folder)
    before = path.read_bytes()
    assert said == []
    fake_encoder.fingerprint = 'f' * 64
    _, count = run(paths, say=said.append)
    assert count == 8
    assert said.pop() == (f'encoding anew: what is in {first.folder} was made '
                          'with another weights')
    _, count = run(paths, dtype='float16', say=said.append)
    assert count == 8 and said.pop().endswith('another embedding dtype')
    _, count = run(paths, say=said.append)
    assert count == 0
    assert said == ['8 of 8 images were encoded before']
    assert path.read_bytes() == before


def test_shards_of_an_earlier_version_are_told(tmp_path, run):
    import json
    paths = write_images(tmp_path / 'images', 2)
    first, _ = run(paths)
    about = json.loads((first.folder / 'identity.json').read_text())
    old = tmp_path / 'old' / 'abc'
    old.mkdir(parents=True)
    (old / 'identity.json').write_text(json.dumps(dict(
        about, format=1, shard_size=8, images=2, images_sha256='a')))
    (old / '000000.npy').write_bytes(b'numbers')
    said = []
    _, count = run(paths, folder='old', say=said.append)
    assert count == 2 and said == [
        f'encoding anew: what is in {old} was written by an earlier version, '
        'whose files this one does not read; you may delete that folder']
    assert (old / '000000.npy').exists()


def test_new_images_cost_what_they_cost(tmp_path, run):
    """Before, between and behind the others; some have gone."""
    paths = write_images(tmp_path / 'images', 40)
    said = []
    first, count = run([*paths[3:20], *paths[22:37]], root=tmp_path / 'images')
    assert count == 32
    files = shards_in(first.folder)
    some = [*paths[:10], *paths[15:]]
    got, count = run(some, root=tmp_path / 'images', say=said.append)
    assert count == 8
    assert said == ['27 of 35 images were encoded before']
    np.testing.assert_allclose(np.concatenate(got.shards),
                               [naive(p) for p in some], atol=2e-3)
    assert files.items() < shards_in(first.folder).items()
    # in any order, and an image twice
    again, count = run([*some[::-1], some[3]], root=tmp_path / 'images')
    assert count == 0
    assert np.concatenate(again.shards).tobytes() == np.concatenate(
        [*np.concatenate(got.shards)[::-1], np.concatenate(got.shards)[3]
         ]).tobytes()
    assert run([paths[12], paths[38]] * 2, root=tmp_path / 'images',
               shard_size=3)[1] == 0


def test_an_image_that_is_listed_twice_is_read_once(tmp_path, run):
    paths = write_images(tmp_path / 'images', 3)
    got, count = run([*paths, paths[1]])
    assert count == 3
    rows = np.concatenate(got.shards)
    assert rows[3].tobytes() == rows[1].tobytes()


def test_another_root_is_another_name(tmp_path, run):
    """With the root of the data set new folders beside do not matter."""
    old = write_images(tmp_path / 'images' / 'monday', 3)
    run(old)
    run(old, folder='rooted', root=tmp_path / 'images')
    new = write_images(tmp_path / 'images' / 'tuesday', 2, seed=1)
    assert run([*old, *new], folder='rooted', root=tmp_path / 'images')[1] == 2
    # without it the deepest common folder is now another
    assert run([*old, *new])[1] == 5


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
    assert count == 1 and run(paths)[1] == 0
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
    """Process `rank` of two, each a thread of this test."""
    world = 2

    def __init__(self, rank, said, meet):
        self.rank, self.said, self.meet = rank, said, meet

    def gather(self, value):
        self.said[self.rank] = value
        self.meet.wait(timeout=60)
        said = list(self.said)
        self.meet.wait(timeout=60)  # all have read it
        return said


def both(call):
    """What a function of the team gives in two processes."""
    said, meet = [None, None], threading.Barrier(2)

    def process(rank):
        try:
            return call(OneOfTwo(rank, said, meet))
        except BaseException:
            meet.abort()
            raise

    with ThreadPoolExecutor(2) as pool:
        return [f.result() for f in [
            pool.submit(process, rank) for rank in (0, 1)]]


def test_processes_share_the_shards(tmp_path, run, fake_encoder):
    """Each does every second one, and the files are those of one alone."""
    paths = [str(p) for p in write_images(tmp_path / 'images', 23)]
    open(paths[20], 'w').close()
    alone, _ = run(paths[:21])
    settings = EncodeSettings(4, 1, **QUIET)
    fake_encoder.batches.clear()

    def encode_some(paths):
        store = ShardStore(tmp_path / 'two', 'float32', 8)
        return both(lambda team: encode_images(
            paths, fake_encoder, settings, store, team,
            str(tmp_path / 'images')))

    two = encode_some(paths[:21])
    assert sum(fake_encoder.batches) == 20  # the bad one is all of a batch
    for got in two:
        assert np.concatenate(got.shards).tobytes() == np.concatenate(
            alone.shards).tobytes()
        assert got.failures == alone.failures and len(got.failures) == 1
    files = [[p.read_bytes() for p in shards_in(e.folder)]
             for e in (*two, alone)]
    assert files[0] == files[1] == files[2]
    # of a damaged shard and new images each does a part, and the next no more
    path = [*shards_in(two[0].folder)][0]
    path.write_bytes(b'')
    fake_encoder.batches.clear()
    two = encode_some(paths)
    assert sum(fake_encoder.batches) == 8 + 2
    alone, _ = run(paths)
    for got in two:
        assert np.concatenate(got.shards).tobytes() == np.concatenate(
            alone.shards).tobytes()
        assert got.failures == alone.failures
    fake_encoder.batches.clear()
    encode_some(paths)
    assert fake_encoder.batches == []


def test_a_shard_that_vanishes_is_told(tmp_path, run, monkeypatch):
    good = Shards.write

    def write(shards, *args):
        name = good(shards, *args)
        (shards.folder / name).unlink()
        return name

    monkeypatch.setattr(Shards, 'write', write)
    with pytest.raises(OSError, match='000000-.*arrow has vanished'):
        run(write_images(tmp_path / 'images', 3))


def test_processes_that_disagree(tmp_path, fake_encoder):

    class Other(Alone):

        def gather(self, value):
            return [value, dict(value, precision='bfloat16')]

    with pytest.raises(ValueError, match="same precision, but process 0 has "
                       "'float32' and process 1 'bfloat16'"):
        encode_images([str(p) for p in write_images(tmp_path / 'i', 1)],
                      fake_encoder, None, ShardStore(tmp_path / 's'), Other())
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
