"""A file of modes is taken as a whole, or its field is named."""
import random

import numpy as np
import pytest

from dequity_mmdet3d.likelihood.estimation.modes_file import FittedModes
from tests.fuzz import readers


class Nothing(random.Random):
    """Draws by which the maker of files changes nothing."""

    def random(self):
        return 0.9

    def choice(self, some):
        return some[0]

    def randrange(self, n):
        return 0


@pytest.fixture
def whole(tmp_path, monkeypatch):
    name, write, read = readers.modes(tmp_path)
    monkeypatch.setattr(readers.mutations, 'damaged', lambda _, raw: raw)
    write(Nothing(), tmp_path / name)
    read(tmp_path / name)
    with np.load(tmp_path / name) as file:
        return tmp_path / name, dict(file)


@pytest.mark.parametrize('field, value, says', [
    ('0_cells', np.zeros((0, 3), 'f4'), "'cells' must be finite"),
    ('0_reach', np.full(5, np.nan), "'reach' must be finite"),
    ('0_axes', np.eye(7, 3), "'axes' must be finite numbers of shape"),
    ('0_cell_mode', np.full(5, 9), "'cell_mode' must be below 2"),
    ('0_sizes', np.array([1.5, 2]), "'sizes' must be finite"),
    ('0_viewpoint', np.zeros(4), "'viewpoint' must be finite"),
    ('about', b'[1]', 'it must be a dict'),
    ('about', b'[' * 100_000, 'too deep'),
    (b'"kind": "relative"', b'"kind": "x"', "'kind' must be one of"),
    (b'"name": "x"', b'"name": 3', "'name' must be str, but is int"),
    (b'"encoder"', b'"decoder"', "has no 'encoder'"),
    (b'"bandwidth": 0.5', b'"bandwidth": 0', "bandwidth, near, top, n must"),
    (b'"near": 0.1', b'"near": 0', "bandwidth, near, top, n must"),
    ('0_centre', None, "it has no '0_centre'"),
    ('about', None, "it has no 'about'"),
    (b'"levels": [2.0]', b'"levels": ["x"]', "'level' must be int or"),
])
def test_each_field(whole, field, value, says):
    path, arrays = whole
    if isinstance(field, bytes):
        text = arrays['about'].tobytes()
        assert field in text
        field, value = 'about', text.replace(field, value)
    if isinstance(value, bytes):
        value = np.frombuffer(value, np.uint8)
    arrays = dict(arrays, **{field: value})
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})
    with pytest.raises(ValueError, match=f'modes.npz is damaged .*{says}'):
        FittedModes.load(path)
