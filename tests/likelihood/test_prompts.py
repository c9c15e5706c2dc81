"""Texts to name clusters by: read, or refused in one line."""
from types import SimpleNamespace

import numpy as np
import pytest

from dequity_mmdet3d.likelihood.prompts import (
    DRIVING,
    prompts_for,
    read_prompts,
    texts_for,
)
from dequity_mmdet3d.tags import Tags

from .helpers import compute_likelihoods

TAGS = Tags('t.csv', ('1', ), {'weather': ('sun', )})


def test_a_file(tmp_path):
    path = tmp_path / 'prompts.txt'
    path.write_text('\ufeff# weather\n a road in rain\n\nnight, dark\r\n')
    assert read_prompts(path) == ('a road in rain', 'night, dark')
    built_in = tmp_path / 'all.txt'
    built_in.write_text('\n'.join(DRIVING))
    assert read_prompts(built_in) == DRIVING


@pytest.mark.parametrize('text, says', [
    (b'', 'two prompts or more, one a line, but has 0'),
    (b'# a\nfog\n', 'two prompts or more, one a line, but has 1'),
    (b'fog\nrain\n fog\n', "lines more than once: 'fog'"),
    (b'fog\nr\xe9gion\n', 'must be UTF-8 text with a prompt a line'),
    (b'fog\n\n' + b'x' * 201, 'of at most 200 characters, but lines 3'),
])
def test_wrong_files(tmp_path, text, says):
    path = tmp_path / 'prompts.txt'
    path.write_bytes(text)
    with pytest.raises(ValueError, match=says) as e:
        read_prompts(path)
    assert str(path) in str(e.value) and '\n' not in str(e.value)
    with pytest.raises(FileNotFoundError, match='there is no file'):
        read_prompts(tmp_path / 'gone.txt')


def test_which_texts(tmp_path):
    path = tmp_path / 'p.txt'
    path.write_text('fog\nrain')
    assert prompts_for('none', None, True) is None
    assert prompts_for('auto', TAGS, True) is None
    assert prompts_for('auto', None, False) is None
    assert prompts_for('auto', None, True).texts == DRIVING
    asked = prompts_for(path, TAGS, True)
    assert (asked.source, asked.texts) == ('p.txt', ('fog', 'rain'))
    with pytest.raises(ValueError, match='made of images'):
        prompts_for(path, None, False)


def test_encoders_that_know_no_texts(tmp_path):
    path = tmp_path / 'p.txt'
    path.write_text('fog\nrain')
    auto, asked = (prompts_for(n, None, True) for n in ('auto', path))
    blind = SimpleNamespace(name='net')
    assert texts_for(blind, auto, print) is None
    assert texts_for(blind, None, print) is None
    with pytest.raises(ValueError, match='but net does not; give --encoder'):
        texts_for(blind, asked, print)

    def fails(texts):
        raise OSError('no network')

    offline, said = SimpleNamespace(encode_texts=fails), []
    assert texts_for(offline, auto, said.append) is None
    assert said == ['clusters get no names: no network']
    with pytest.raises(OSError, match='no network'):
        texts_for(offline, asked, said.append)
    seen = texts_for(SimpleNamespace(
        dim=5, encode_texts=lambda texts: np.eye(len(texts))), asked, print)
    assert (seen.texts, seen.dim, len(seen.vectors)) == (
        ('fog', 'rain'), 5, 2)


def test_wrong_arguments(tmp_path):
    np.save(tmp_path / 'e.npy', np.eye(4))
    done = compute_likelihoods('--embeddings', 'e.npy', '--names', 'p.txt',
                               '--out', 't.parquet', cwd=tmp_path)
    assert done.returncode == 2 and '--names FILE belongs to' in done.stderr
