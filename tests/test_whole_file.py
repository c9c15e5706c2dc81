"""A file is there whole or not at all, and an error names it by its name."""
import errno
import os

import pytest

from dequity_mmdet3d.whole_file import UnwritableFile, whole_file


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
