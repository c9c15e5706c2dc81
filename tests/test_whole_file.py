"""A file is there whole or not at all, and an error names it by its name."""
import errno
import os
import signal
import stat
import time
import types

import pytest

from dequity_mmdet3d import locks, temporary_file
from dequity_mmdet3d.temporary_file import sweep, temporary_folder
from dequity_mmdet3d.whole_file import (
    UnwritableFile,
    remove_file,
    together,
    whole_file,
)


def write(path, content=b'new', **kwargs):
    with whole_file(path, **kwargs) as f:
        f.write(content)


def test_replaced(tmp_path):
    path = tmp_path / 'a'
    for content in (b'old', b'new'):
        write(path, content)
        assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ['a']


def test_a_failed_write_leaves_nothing(tmp_path):
    path = tmp_path / 'a'
    path.write_bytes(b'old')
    with pytest.raises(RuntimeError), whole_file(path) as f:
        f.write(b'new')
        raise RuntimeError
    assert path.read_bytes() == b'old' and os.listdir(tmp_path) == ['a']


def test_a_link_stays_one(tmp_path):
    (tmp_path / 'b').mkdir()
    (tmp_path / 'a').symlink_to(tmp_path / 'b/c')
    write(tmp_path / 'a')
    assert (tmp_path / 'a').is_symlink()
    assert (tmp_path / 'b/c').read_bytes() == b'new'


def test_folders_on_demand(tmp_path):
    write(tmp_path / 'a/b/c', parents=True)
    assert (tmp_path / 'a/b/c').read_bytes() == b'new'


@pytest.mark.parametrize('name, parents, why', [
    ('folder', False, 'that is a folder'),
    ('folder', True, 'that is a folder'),
    ('none/c', False, 'there is no folder .*none'),
    ('file/c', False, os.strerror(errno.ENOTDIR)),
    ('file/c', True, os.strerror(errno.ENOTDIR)),
    ('file/b/c', True, os.strerror(errno.ENOTDIR)),
    ('pipe', False, 'that is a device or a pipe'),
])
def test_where_no_file_can_be(tmp_path, name, parents, why):
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'file').touch()
    os.mkfifo(tmp_path / 'pipe')
    with pytest.raises(UnwritableFile, match=why) as error:
        write(tmp_path / name, parents=parents)
    text = str(error.value)
    assert text.startswith(f'cannot write {tmp_path / name}: ')
    assert '.tmp' not in text and 'folder that you can write to' in text
    assert sorted(os.listdir(tmp_path)) == ['file', 'folder', 'pipe']
    assert os.listdir(tmp_path / 'folder') == []


@pytest.mark.skipif(os.geteuid() == 0, reason='root may write anywhere')
def test_no_rights(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UnwritableFile, match=r'/a: Permission denied; give'):
        write(tmp_path / 'a')


def test_a_full_disk_is_told_of_the_file(tmp_path):
    with pytest.raises(UnwritableFile, match=r'/a: No space left.*; give'):
        with whole_file(tmp_path / 'a'):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize('error', [
    OSError('what the writer says itself'),
    FileNotFoundError(errno.ENOENT, 'not there', 'another file')])
def test_other_errors_stay_what_they_are(tmp_path, error):
    with pytest.raises(OSError) as caught, whole_file(tmp_path / 'a'):
        raise error
    assert caught.value is error


def test_the_temporary_has_no_name_that_can_be_foreseen(tmp_path):
    """Nor is it seen by who looks for files."""
    seen = set()
    for _ in range(3):
        with whole_file(tmp_path / 'a'):
            seen.update(os.listdir(tmp_path))
    seen.discard('a')
    assert len(seen) == 3
    assert all(len(n) > 16 and n.startswith('.dequity-') for n in seen)


def test_a_link_in_the_place_of_the_temporary_is_not_followed(
        tmp_path, monkeypatch):
    tokens = iter(['0' * 16, '1' * 16])
    monkeypatch.setattr(temporary_file.secrets, 'token_hex',
                        lambda n: next(tokens))
    victim = tmp_path / 'victim'
    victim.write_bytes(b'mine')
    link = tmp_path / f'{temporary_file._here()}-{"0" * 16}.tmp'
    link.symlink_to(victim)
    with pytest.raises(UnwritableFile, match='/a: File exists'):
        write(tmp_path / 'a')
    assert victim.read_bytes() == b'mine' and not (tmp_path / 'a').exists()


def test_links_that_lead_to_no_file(tmp_path):
    (tmp_path / 'itself').symlink_to(tmp_path / 'itself')
    os.mkfifo(tmp_path / 'fifo')
    (tmp_path / 'to_fifo').symlink_to(tmp_path / 'fifo')
    with pytest.raises(UnwritableFile, match='a link to itself'):
        write(tmp_path / 'itself')
    with pytest.raises(UnwritableFile, match='a device or a pipe'):
        write(tmp_path / 'to_fifo')
    assert (tmp_path / 'itself').is_symlink()
    assert stat.S_ISFIFO(os.stat(tmp_path / 'to_fifo').st_mode)


def test_standard_output_is_no_file(tmp_path):
    """What /dev/stdout leads to in a pipeline: no path that is there."""
    read, end = os.pipe()
    try:
        link = tmp_path / 'out'
        link.symlink_to(f'/proc/self/fd/{end}')
        if not link.exists():
            pytest.skip('no /proc here')
        with pytest.raises(UnwritableFile, match='a device or a pipe'):
            write(link)
    finally:
        os.close(read)
        os.close(end)


def test_what_a_killed_process_left_goes(tmp_path):
    """And what a living one writes stays."""
    if os.fork() == 0:
        try:
            with whole_file(tmp_path / 'a') as f:
                f.write(b'half')
                f.flush()
                os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    os.wait()
    assert len(os.listdir(tmp_path)) == 1
    with whole_file(tmp_path / 'b') as f:
        f.write(b'at work')
        sweep(tmp_path)
        assert len(os.listdir(tmp_path)) == 1
    assert os.listdir(tmp_path) == ['b']


def test_a_folder_of_a_killed_process_goes(tmp_path):
    """And that of a living one stays to its end."""
    if os.fork() == 0:
        try:
            with temporary_folder(tmp_path) as folder:
                (folder / 'inner').mkdir()
                (folder / 'inner/a').write_bytes(b'half')
                os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    os.wait()
    assert len(os.listdir(tmp_path)) == 2 and len(
        [*tmp_path.rglob('a')]) == 1
    with temporary_folder(tmp_path) as folder:
        assert folder.is_dir() and not [*tmp_path.rglob('a')]
        sweep(tmp_path)
        assert folder.is_dir() and len(os.listdir(tmp_path)) == 2
        (tmp_path / 'elsewhere').mkdir()
        (folder / 'link').symlink_to(tmp_path / 'elsewhere')
    assert os.listdir(tmp_path) == ['elsewhere']


@pytest.mark.parametrize('name', ['away-0123456789abcdef', None])
def test_without_a_lock_a_day_tells(tmp_path, monkeypatch, name):
    """Of another machine, and on a disk without locks."""
    def none(*args):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
    if name is None:
        monkeypatch.setattr(locks, 'fcntl', types.SimpleNamespace(
            flock=none, LOCK_EX=2, LOCK_NB=4))
        name = f'{temporary_file._here()[9:]}-0123456789abcdef'
    old = tmp_path / f'.dequity-{name}.tmp'
    old.write_bytes(b'half')
    write(tmp_path / 'a')
    sweep(tmp_path)
    assert old.exists()
    os.utime(old, (0, time.time() - 90_000))
    inside = old.with_suffix('.d') / 'a'
    inside.parent.mkdir()
    inside.touch()  # as by a conversion that goes on
    sweep(tmp_path)
    assert old.exists()
    os.utime(inside, (0, time.time() - 90_000))
    write(tmp_path / 'a')
    sweep(tmp_path)
    assert os.listdir(tmp_path) == ['a']


def test_only_temporaries_of_ours_are_swept(tmp_path):
    others = '.a.host.1.tmp', '.dequity-.tmp.png', 'dequity-a-0.tmp'
    for name in others:
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    os.mkfifo(tmp_path / '.dequity-a-0.tmp')
    (tmp_path / '.dequity-b-0.tmp').symlink_to(tmp_path / others[0])
    before = sorted(os.listdir(tmp_path))
    sweep(tmp_path)
    sweep(tmp_path / 'none')
    assert sorted(os.listdir(tmp_path)) == before


def test_files_appear_together_or_not_at_all(tmp_path):
    for name in 'abc':
        (tmp_path / name).write_bytes(b'old')
    with pytest.raises(RuntimeError), together():
        write(tmp_path / 'a')
        remove_file(tmp_path / 'c')
        raise RuntimeError
    assert sorted(os.listdir(tmp_path)) == ['a', 'b', 'c']
    assert (tmp_path / 'a').read_bytes() == b'old'
    with together():
        remove_file(tmp_path / 'a')
        remove_file(tmp_path / 'c')
        remove_file(tmp_path / 'd')
        write(tmp_path / 'a', b'first')
        with together():
            write(tmp_path / 'a')
            write(tmp_path / 'b')
        assert (tmp_path / 'a').read_bytes() == b'old'
        assert (tmp_path / 'c').exists()
    assert sorted(os.listdir(tmp_path)) == ['a', 'b']
    assert {p.read_bytes() for p in tmp_path.iterdir()} == {b'new'}
    write(tmp_path / 'c')  # alone again
    assert (tmp_path / 'c').read_bytes() == b'new'


def test_a_place_that_is_taken_meanwhile(tmp_path):
    (tmp_path / 'b').write_bytes(b'old')
    with pytest.raises(UnwritableFile, match='cannot write .*/a: '):
        with together():
            write(tmp_path / 'a')
            write(tmp_path / 'b')
            (tmp_path / 'a').mkdir()
    assert sorted(os.listdir(tmp_path)) == ['a', 'b']
    assert (tmp_path / 'b').read_bytes() == b'old'
