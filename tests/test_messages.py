"""Words for users."""
from dequity_mmdet3d.messages import counted


def test_counted():
    assert [counted(n, 'cluster') for n in (0, 1, 2)] == [
        '0 clusters', '1 cluster', '2 clusters']
