"""What a table says of itself."""
from dataclasses import replace
from datetime import datetime, timezone

import pytest

from dequity_mmdet3d import __version__
from dequity_mmdet3d.provenance import Provenance
from dequity_mmdet3d.sample_ids import ids_fingerprint


def test_only_what_is_known_is_said():
    start = Provenance('images', 'relative_path')
    assert start.as_dict() == dict(
        source='images', id_type='relative_path', dataset=None, split=None,
        encoder=None)
    # None says that nothing was left to chance, where something was clustered
    authors = replace(start, clustering=dict(method="authors' table"))
    assert authors.as_dict()['seed'] is None
    assert replace(start, notes=[]).as_dict()['notes'] == []


def test_completed():
    before = datetime.now(timezone.utc).replace(microsecond=0)
    said = Provenance('embeddings', 'row', dataset='kitti').completed(
        ['b', 'a'], dict(numpy='1.0')).as_dict()
    assert said['package_version'] == __version__
    assert said['ids_sha256'] == ids_fingerprint('ab')
    assert (said['n'], said['versions']) == (2, dict(numpy='1.0'))
    assert datetime.fromisoformat(said['date']) >= before
    assert said['dataset'] == 'kitti'


def test_nobody_changes_it():
    with pytest.raises(AttributeError):
        Provenance('images', 'row').n = 3
