"""By what an image is found again."""
import os

from dequity_mmdet3d.likelihood.embeddings.names import (
    image_names,
    names_digest,
    stamp_of,
)


def test_names_below_the_deepest_common_folder():
    a = ['/mnt/a/x/1.png', '/mnt/a/y/z/2.png', '/mnt/a/x/3.png']
    assert image_names(a) == ['x/1.png', 'y/z/2.png', 'x/3.png']
    assert image_names(['/1.png', '/b/2.png']) == ['1.png', 'b/2.png']
    assert image_names(['x/1.png']) == ['1.png']
    # the same file under a name from here, and from the root
    here = os.path.join(os.getcwd(), 'd', '1.png')
    assert image_names(['d/1.png', here]) == ['1.png', '1.png']


def test_names_below_the_root_of_a_data_set():
    """They do not depend on the other images, nor on where the root is."""
    for root in ('/a/kitti', '/b', '/b/', 'data/kitti', '/'):
        path = os.path.join(root, 'x', '1.png')
        assert image_names([path], root) == ['x/1.png']
    # outside, and where a name only begins like the root
    assert image_names(['/c/1.png', '/bb/1.png'], '/b') == [
        '/c/1.png', '/bb/1.png']


def test_no_two_files_have_one_name():
    odd = ['/a/\udcff.png', '/a/\\udcff.png', '/a/ü.png', '/a/\ud800',
           '/a/\\\\udcff.png']
    names = image_names(odd, '/a')
    assert len(set(names)) == 5
    assert names[:3] == [r'\udcff.png', r'\\udcff.png', 'ü.png']
    for name in names:
        name.encode()
    assert names_digest(['ab', 'c']) != names_digest(['a', 'bc'])


def test_stamps_follow_size_and_time(tmp_path):
    path = tmp_path / 'a'
    seen = {stamp_of(path)}
    assert seen == {'missing'}
    path.write_bytes(b'1')
    os.utime(path, ns=(0, 10))
    assert stamp_of(path) == '1 10'
    seen.add(stamp_of(path))
    os.utime(path, ns=(0, 11))
    seen.add(stamp_of(path))
    path.write_bytes(b'12')
    os.utime(path, ns=(0, 11))
    seen.add(stamp_of(path))
    assert len(seen) == 4
    assert stamp_of('\0') == 'missing'
