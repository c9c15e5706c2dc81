"""Info files are read without running what they bring."""
import collections
import datetime
import os
import pickle

import numpy as np
import pytest

from dequity_mmdet3d.likelihood.samples.info_file import read_info_file
from dequity_mmdet3d.likelihood.samples.safe_pickle import (
    UnreadArray,
    load_pickle,
)

DATA = dict(
    numbers=[1, 2.5, True, None, 10**30, 1 + 2j],
    text=['ä', b'\x00\xff', bytearray(b'x')],
    containers=[(1, ), {2}, frozenset([3]),
                collections.OrderedDict(a=1), slice(1, 2)],
    scalar=[
        np.float64(0.1), np.int32(7), np.bool_(True), np.str_('ab'),
        np.complex64(1j), np.dtype('>i2').type(300)
    ],
    arrays=[
        np.arange(6, dtype='f4').reshape(2, 3),
        np.asfortranarray(np.eye(3)),
        np.array(['ab', 'c']),
        np.array([(1, 2.0)], dtype=[('a', 'i4'), ('b', 'f8')]),
        np.array([None, 'x'], dtype=object),
    ])


def same(a, b):
    if isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            same(a[key], b[key])
    elif isinstance(b, np.ndarray):
        assert isinstance(a, UnreadArray)
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b):
            same(x, y)
    else:
        assert type(a) is type(b) and a == b


@pytest.mark.parametrize('protocol', range(pickle.HIGHEST_PROTOCOL + 1))
def test_data_of_every_protocol(tmp_path, protocol):
    path = tmp_path / 'data.pkl'
    path.write_bytes(pickle.dumps(DATA, protocol))
    same(load_pickle(path), DATA)


@pytest.mark.parametrize('core', [b'numpy.core', b'numpy._core'])
def test_module_names_of_numpy_1_and_2(tmp_path, core):
    data = [DATA['arrays'][0], np.float32(0.5)]
    raw = pickle.dumps(data, 2)
    mine = b'numpy._core' if b'numpy._core' in raw else b'numpy.core'
    path = tmp_path / 'data.pkl'
    path.write_bytes(raw.replace(mine, core))
    same(load_pickle(path), data)


class Evil:

    def __init__(self, call):
        self.call = call

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize('call, name', [
    ((os.mkdir, ('owned', )), r'(posix|nt)\.mkdir'),
    ((eval, ('__import__("os").mkdir("owned")', )), r'builtins\.eval'),
    ((getattr, ('', 'join')), r'builtins\.getattr'),
    ((datetime.date, (2020, 1, 1)), r'datetime\.date'),
    ((np.load, ('x', )), r'numpy.*\.load'),
    ((np.frombuffer, (b'x' * 8, 'O')), r'numpy.*\.frombuffer'),
])
def test_refuses_code_by_name(tmp_path, monkeypatch, call, name):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / 'data.pkl'
    path.write_bytes(pickle.dumps(dict(data_list=[Evil(call)])))
    with pytest.raises(ValueError, match=f'refused: it asks for {name}'):
        load_pickle(path)
    assert os.listdir(tmp_path) == ['data.pkl']


def test_refuses_other_codecs(tmp_path):
    import codecs
    path = tmp_path / 'data.pkl'
    path.write_bytes(pickle.dumps(Evil((codecs.encode, ('x', 'rot13')))))
    with pytest.raises(ValueError, match="'rot13'"):
        load_pickle(path)


def test_a_scalar_that_is_a_pointer_is_refused(tmp_path):
    # numpy 1 would follow the bytes as the address of an object
    scalar = np.float64(0).__reduce__()[0]
    path = tmp_path / 'data.pkl'
    path.write_bytes(
        pickle.dumps(Evil((scalar, (np.dtype('O'), b'\x01' * 8)))))
    with pytest.raises(ValueError, match='scalar of another kind'):
        load_pickle(path)


def test_damaged_files_are_a_clear_error(tmp_path):
    path = tmp_path / 'data.pkl'
    whole = pickle.dumps(DATA)
    # bytes changed at random are no test: a changed length can ask for all
    # the memory of the machine
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match='is not a complete pickle'):
            load_pickle(path)


def test_info_file_versions(tmp_path):
    path = tmp_path / 'infos.pkl'
    with pytest.raises(FileNotFoundError, match='dequity create-data'):
        read_info_file(path)
    for old in ([dict(image=1)], dict(infos=[], metadata={}), None,
                dict(data_list={})):
        path.write_bytes(pickle.dumps(old))
        with pytest.raises(ValueError, match='version 1.1.*update_infos'):
            read_info_file(path)
    path.write_bytes(pickle.dumps(dict(data_list=[{}, 3, None])))
    with pytest.raises(ValueError, match='infos.pkl: 2 entries .*rows 1, 2'):
        read_info_file(path)
    path.write_bytes(
        pickle.dumps(dict(metainfo=dict(dataset='x'), data_list=[{}])))
    assert read_info_file(path) == ([{}], dict(dataset='x'))
    path = tmp_path / 'infos.json'
    path.write_text('{"metainfo": {}, "data_list": [{"token": "a"}]}')
    assert read_info_file(path) == ([dict(token='a')], {})
    path.write_text('{')
    with pytest.raises(ValueError, match='is not JSON'):
        read_info_file(path)


def test_real_nuscenes_info_file(shared_data):
    infos, metainfo = read_info_file(shared_data /
                                     'nuscenes/nuscenes_infos_train.pkl')
    assert metainfo['dataset'] == 'nuscenes'
    assert infos[0]['token'] == 'ca9a282c9e77460f8360f564131a8af5'
    assert len(infos[0]['images']) == 6
