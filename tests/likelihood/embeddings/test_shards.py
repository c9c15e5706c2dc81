"""The store: whole files, locks, and errors of disks."""
import contextlib
import errno
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from dequity_mmdet3d import whole_file
from dequity_mmdet3d.likelihood.embeddings.shards import Shards, ShardStore

IDENTITY = dict(encoder='fake', dim=3, images=5)
PATHS = [f'{i}.png' for i in range(5)]


def opened(folder, **store):
    return ShardStore(folder, shard_size=2, **store).open(IDENTITY, PATHS)


def test_what_is_written_is_read(tmp_path):
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    with opened(tmp_path) as shards:
        assert len(shards) == 3 and shards.span(2) == (4, 5)
        assert shards.read(1) is None
        shards.write(1, x, [(1, 'grüße\n')], 'stamp')
        record = shards.read(1)
        assert record['failures'] == [(1, 'grüße\n')]
        assert record['stamp'] == 'stamp'
        assert shards[1].dtype == np.float16
        assert shards[1].tolist() == x.tolist()
        assert shards[-2].tolist() == x.tolist()
        with pytest.raises(IndexError):
            shards[3]
        # any reader of numpy files sees the embeddings
        assert np.load(shards.path(1)).tolist() == x.tolist()
        assert shards.read(0) is None
        # a shard of another shape is none of ours
        shards.write(2, x, [], '')
        assert shards.read(2) is None
    identity, = tmp_path.glob('*/identity.json')
    assert json.loads(identity.read_text()) == IDENTITY


def test_many_shards_need_few_file_descriptors(tmp_path):
    resource = pytest.importorskip('resource')
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    shards = Shards(tmp_path, ['x'] * 100, 1, 'float16', 1)
    for k in range(100):
        shards.write(k, np.full((1, 1), k), [], '')
    open_now = len(os.listdir('/proc/self/fd')) if os.path.isdir(
        '/proc/self/fd') else 32
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_now + 20, hard))
    try:
        assert [float(s[0, 0]) for s in shards] == list(range(100))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_leftovers_of_the_dead_are_removed(tmp_path):
    with opened(tmp_path) as shards:
        old = shards.folder / '.000000.npy.host.1.tmp'
        old.write_bytes(b'half')
    with opened(tmp_path) as shards:
        assert not old.exists()
        # another process of this run does not tidy up
        old.write_bytes(b'at work')
        with ShardStore(tmp_path, shard_size=2).open(IDENTITY, PATHS, False):
            assert old.exists()


@pytest.mark.skipif(whole_file.fcntl is None, reason='no locks on Windows')
def test_two_runs_at_once(tmp_path):
    code = f'''
from dequity_mmdet3d.likelihood.embeddings.shards import ShardStore
store = ShardStore({str(tmp_path)!r}, shard_size=2)
with store.open({IDENTITY!r}, {PATHS!r}):
    print('mine', flush=True)
    input()
'''
    other = subprocess.Popen([sys.executable, '-c', code], text=True,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert other.stdout.readline() == 'mine\n'
        with pytest.raises(OSError, match='another run writes .*--embeddings'):
            with opened(tmp_path):
                pass
        # other embeddings in the same folder are nobody's business
        with ShardStore(tmp_path).open(dict(IDENTITY, dim=4), PATHS):
            pass
    finally:
        other.kill()  # the lock dies with it
        other.communicate()
    with opened(tmp_path):
        pass


def test_without_locks_nothing_is_tidied(tmp_path, monkeypatch):
    monkeypatch.setattr(whole_file, 'fcntl', None)
    with opened(tmp_path) as shards, opened(tmp_path):
        (shards.folder / '.x.tmp').touch()
    with opened(tmp_path) as shards:
        assert (shards.folder / '.x.tmp').exists()


def test_disk_full_and_no_folder(tmp_path, monkeypatch):
    (tmp_path / 'file').write_text('')
    with pytest.raises(OSError, match='cannot keep embeddings in .*file/e: '
                       'Not a directory; .*--embeddings-dir'):
        with opened(tmp_path / 'file' / 'e'):
            pass

    def full(fd):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with opened(tmp_path / 'e') as shards:
        monkeypatch.setattr(os, 'fsync', full)
        with pytest.raises(OSError, match='No space left on device; free'):
            shards.write(0, np.zeros((2, 3)), [], '')
        assert not list(shards.folder.glob('*.npy'))
        assert not list(shards.folder.glob('.*.tmp'))


def test_foreign_folders_beside_ours(tmp_path):
    for name, text in (('a', '{'), ('b', '[]'), ('c', None)):
        (tmp_path / name).mkdir()
        if text is not None:
            (tmp_path / name / 'identity.json').write_text(text)
    said = []
    with opened(tmp_path, say=said.append):
        pass
    assert said == []


def test_stamps_follow_size_and_time(tmp_path):
    path = tmp_path / 'a'
    shards = Shards(tmp_path, [str(path)], 1, 'float16', 1)
    seen = {shards.stamp(0)}
    path.write_bytes(b'1')
    os.utime(path, ns=(0, 10))
    seen.add(shards.stamp(0))
    os.utime(path, ns=(0, 11))
    seen.add(shards.stamp(0))
    path.write_bytes(b'12')
    os.utime(path, ns=(0, 11))
    seen.add(shards.stamp(0))
    assert len(seen) == 4


@pytest.mark.parametrize('changes', [dict(dtype='int8'), dict(shard_size=0),
                                     dict(shard_size=True)])
def test_settings_are_checked(changes):
    with pytest.raises(ValueError, match=f'{list(changes)[0]} must be'):
        ShardStore('x', **changes)


def test_a_crash_between_batches_keeps_finished_shards(tmp_path):
    with contextlib.suppress(RuntimeError), opened(tmp_path) as shards:
        shards.write(0, np.ones((2, 3)), [], '')
        raise RuntimeError
    with opened(tmp_path) as shards:
        assert shards.read(0) is not None
