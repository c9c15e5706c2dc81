"""The loop over images: order, workers, failures."""
import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip('torch')
from dequity_mmdet3d.likelihood import encode  # noqa: E402
from dequity_mmdet3d.likelihood.encode import (EncodeSettings,  # noqa: E402
                                               UnreadableImages, encode_images)

from .conftest import write_images  # noqa: E402


def naive(path):
    """The fake encoder, one image at a time."""
    x = np.float32(Image.open(path).resize((8, 8), Image.BICUBIC))
    x = x.reshape(2, 4, 2, 4, 3).mean(axis=(1, 3)).transpose(2, 0, 1).ravel()
    return x / np.linalg.norm(x)


@pytest.mark.parametrize('workers', [0, 1, 2])
def test_order_and_values(tmp_path, fake_encoder, workers):
    paths = write_images(tmp_path, 11)
    got, rate = encode_images(paths, fake_encoder,
                              EncodeSettings(4, workers, progress=False))
    assert got.shape == (11, 12) and got.dtype == np.float32 and rate > 0
    np.testing.assert_allclose(got, [naive(p) for p in paths], rtol=1e-5)
    assert fake_encoder.batches == [4, 4, 3]


def test_workers_do_not_change_a_bit(tmp_path, fake_encoder):
    paths = write_images(tmp_path, 7)
    first, second = (encode_images(paths, fake_encoder, EncodeSettings(
        2, workers, progress=False))[0] for workers in (0, 2))
    assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize('workers', [0, 2])
def test_every_bad_image_is_counted(tmp_path, fake_encoder, workers):
    paths = write_images(tmp_path, 20)
    for i in (3, 4, 7, 9, 12, 15):
        paths[i].write_bytes(paths[i].read_bytes()[:200])
    paths[19].unlink()
    with pytest.raises(UnreadableImages) as e:
        encode_images([str(p) for p in paths], fake_encoder,
                      EncodeSettings(2, workers, progress=False))
    text = str(e.value)
    assert text.startswith('7 of 20 images cannot be used: ')
    assert [p for p, _ in e.value.failures
            ] == [str(paths[i]) for i in (3, 4, 7, 9, 12, 15, 19)]
    assert e.value.failures[-1][1] == 'no such file'
    assert str(paths[12]) in text and str(paths[15]) not in text
    # no time is lost on a result that is thrown away
    assert fake_encoder.batches == [2]


def test_an_embedding_without_direction_is_named(tmp_path, fake_encoder):
    paths = write_images(tmp_path, 3)
    Image.new('RGB', (40, 24)).save(paths[1])  # black: all features are 0
    with pytest.raises(ValueError, match='1 of 3 .*only zeros.*000001.png'):
        encode_images([str(p) for p in paths], fake_encoder,
                      EncodeSettings(workers=0, progress=False))


def test_killed_workers_are_explained(tmp_path, fake_encoder, monkeypatch):

    def broken(*args):
        raise RuntimeError('DataLoader worker (pid 7) is killed by signal: '
                           'Bus error.')

    monkeypatch.setattr(encode, '_batches', broken)
    with pytest.raises(OSError, match='/dev/shm.*--workers'):
        encode_images(write_images(tmp_path, 1), fake_encoder)
    # any other is a bug of ours and stays
    monkeypatch.setattr(encode, '_batches', lambda *a: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        encode_images([], fake_encoder)


@pytest.mark.parametrize('changes', [
    dict(batch_size=0), dict(workers=-1), dict(batch_size=2.0),
    dict(workers=True)
])
def test_settings_are_checked(changes):
    with pytest.raises(ValueError, match=f'{list(changes)[0]} must be'):
        EncodeSettings(**changes)
