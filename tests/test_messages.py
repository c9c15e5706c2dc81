"""Words for users."""
from dequity_mmdet3d.messages import counted


def test_counted():
    assert [counted(n, 'cluster') for n in (0, 1, 2)] == [
        '0 clusters', '1 cluster', '2 clusters']
    assert [counted(n, 'image is', 'images are') for n in (0, 1, 2)] == [
        '0 images are', '1 image is', '2 images are']
