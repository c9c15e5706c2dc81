"""Words for users."""
from dequity_mmdet3d.messages import counted, error_line, printable


def test_counted():
    assert [counted(n, 'cluster') for n in (0, 1, 2)] == [
        '0 clusters', '1 cluster', '2 clusters']
    assert [counted(n, 'image is', 'images are') for n in (0, 1, 2)] == [
        '0 images are', '1 image is', '2 images are']


def test_nothing_steers_a_terminal():
    # an escape sequence, a bell, right-to-left, half a surrogate pair
    assert printable('a\x1b[2J\x07\u202eb\udcff ä\n') == (
        'a\\x1b[2J\\x07\\u202eb\\udcff ä\n')
    assert error_line(ValueError('no file a\x1b[2J.png')) == (
        'no file a\\x1b[2J.png')
