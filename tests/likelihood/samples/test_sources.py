"""Samples from folders and from the user's own embeddings."""
import numpy as np
import pytest

from dequity_mmdet3d.likelihood.samples.sources import (
    samples_from_embeddings,
    samples_from_folder,
)
from dequity_mmdet3d.provenance import Provenance


def test_folder(tmp_path):
    for name in ('b.PNG', 'a/z.jpg', 'a/c d.Jpeg', 'ä.tiff', 'note.txt',
                 'a/png', 'a/x.png.part'):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b'')
    samples = samples_from_folder(tmp_path)
    assert samples.ids == ['a/c d.Jpeg', 'a/z.jpg', 'b.PNG', 'ä.tiff']
    assert samples.images[1] == (str(tmp_path / 'a/z.jpg'), )
    assert samples.provenance == Provenance(
        source='images', dataset=None, split=None, id_type='relative_path')


def test_links_to_folders_are_named(tmp_path):
    (tmp_path / 'drive').mkdir()
    (tmp_path / 'drive' / 'a.png').write_bytes(b'')
    here = tmp_path / 'here'
    here.mkdir()
    (here / 'b.png').symlink_to(tmp_path / 'drive' / 'a.png')
    assert samples_from_folder(here).notes == []
    [said] = samples_from_folder(here).outside
    assert said.startswith('1 image lies outside of') and 'b.png' in said
    (here / 'more').symlink_to(tmp_path / 'drive')
    samples = samples_from_folder(here)
    assert samples.ids == ['b.png']
    assert samples.notes == ["1 link to a folder is not followed: 'more'"]


def test_images_of_other_kinds_are_counted(tmp_path):
    for name in ('a.GIF', 'b.jfif', 'c.heic', 'notes.txt'):
        (tmp_path / name).write_bytes(b'')
    with pytest.raises(ValueError, match="holds none, and 3 images of other "
                       r"kinds left out: 'a.GIF', 'b.jfif', 'c.heic'"):
        samples_from_folder(tmp_path)
    (tmp_path / 'd.png').write_bytes(b'')
    samples = samples_from_folder(tmp_path)
    assert samples.ids == ['d.png'] and samples.outside == []
    assert '3 images of other kinds left out' in samples.notes[0]


def test_folder_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere .* does not exist'):
        samples_from_folder(tmp_path / 'nowhere')
    with pytest.raises(ValueError, match='must hold images .*png.* none'):
        samples_from_folder(tmp_path)
    (tmp_path / 'a.png').write_bytes(b'')
    with pytest.raises(FileNotFoundError, match='is a file'):
        samples_from_folder(tmp_path / 'a.png')


def test_a_name_that_no_table_can_hold(tmp_path):
    """It is left out and told; alone it leaves nothing to take."""
    (tmp_path / 'a\udcff.png').write_bytes(b'')
    with pytest.raises(ValueError, match='must hold images'):
        samples_from_folder(tmp_path)
    (tmp_path / 'b.png').write_bytes(b'')
    found = samples_from_folder(tmp_path)
    assert [*found.ids] == ['b.png']
    assert found.notes == ["1 image whose name is no UTF-8 left out: "
                           "'a\\udcff.png' (rename them)"]


def save(path, array):
    np.save(path, array)
    return path


def test_embeddings_without_ids(tmp_path):
    x = np.arange(6.0).reshape(3, 2)
    samples, given = samples_from_embeddings(save(tmp_path / 'e.npy', x))
    assert samples.ids == ['0', '1', '2']
    assert samples.provenance.id_type == 'row'
    assert given.tolist() == x.tolist() and isinstance(given, np.memmap)


def test_embeddings_with_ids(tmp_path):
    e = save(tmp_path / 'e.npy', np.ones((3, 2)))
    ids = tmp_path / 'ids.txt'
    # a byte order mark, Windows line ends, no last line end, odd characters
    ids.write_bytes('\ufeffa b\r\nä\x0bz\r\nc'.encode())
    samples, _ = samples_from_embeddings(e, ids)
    assert samples.ids == ['a b', 'ä\x0bz', 'c']
    assert samples.provenance.id_type == 'given'
    for text, error in (('a\nb\n', '3 embeddings, but has 2'),
                        ('a\n\nc\n', '1 lines are blank: 2'),
                        ('a\nb\na\n', "ids.txt: .* unique, but 1 .*'a'")):
        ids.write_text(text)
        with pytest.raises(ValueError, match=error):
            samples_from_embeddings(e, ids)
    ids.write_bytes(b'\xff\xfe\x00')
    with pytest.raises(ValueError, match='UTF-8'):
        samples_from_embeddings(e, ids)
    with pytest.raises(FileNotFoundError, match='the ids'):
        samples_from_embeddings(e, tmp_path / 'no.txt')


def test_embeddings_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match='the embeddings'):
        samples_from_embeddings(tmp_path / 'e.npy')
    path = save(tmp_path / 'e.npy', np.ones(3))
    with pytest.raises(ValueError, match=r'\(N, D\).* shape \(3,\)'):
        samples_from_embeddings(path)
    with open(save(path, np.ones((2, 3))), 'ab') as f:
        np.save(f, np.ones((2, 3)))
    with pytest.raises(ValueError, match=r'176 bytes more than .* \(2, 3\): '
                       'something writes to it'):
        samples_from_embeddings(path)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(ValueError, match='numpy.save'):
        samples_from_embeddings(path)
    path.write_bytes(b'')
    with pytest.raises(ValueError, match='numpy.save'):
        samples_from_embeddings(path)
    np.savez(tmp_path / 'e.npz', np.ones((3, 2)))
    with pytest.raises(ValueError, match='npz archive'):
        samples_from_embeddings(tmp_path / 'e.npz')
    with pytest.raises(ValueError, match='at least one sample'):
        samples_from_embeddings(save(tmp_path / 'n.npy', np.ones((0, 4))))


def test_embeddings_never_unpickle(tmp_path):
    path = tmp_path / 'e.npy'
    np.save(path, np.array([dict(a=1)]), allow_pickle=True)
    with pytest.raises(ValueError, match='must be a .npy file'):
        samples_from_embeddings(path)
