"""Decoding: every kind of image ends as RGB, or with a reason."""
import os

import numpy as np
import pytest
from PIL import Image

from dequity_mmdet3d.likelihood.encoding import images
from dequity_mmdet3d.likelihood.encoding.images import ImageError, load_rgb


def save(path, image, **kwargs):
    image.save(path, **kwargs)
    return path


def grey(level, mode='L', size=(6, 4)):
    return Image.new(mode, size, level)


@pytest.mark.parametrize('image, suffix, pixel', [
    (grey((10, 20, 30), 'RGB'), 'png', (10, 20, 30)),
    (grey(77), 'png', (77, 77, 77)),
    (grey(1, '1'), 'png', (255, 255, 255)),
    # transparent parts become black, half transparent ones half black
    (grey((200, 100, 50, 0), 'RGBA'), 'png', (0, 0, 0)),
    (grey((200, 100, 50, 51), 'RGBA'), 'png', (40, 20, 10)),
    (grey((200, 255), 'LA'), 'png', (200, 200, 200)),
    (grey((0, 0, 0, 255), 'CMYK'), 'tif', (0, 0, 0)),
    (grey((0, 0, 0, 0), 'CMYK'), 'tif', (255, 255, 255)),
    # 16 bits: 0x4dff is 0x4d, neither clipped to white nor wrapped
    (Image.fromarray(np.full((4, 6), 0x4DFF, np.uint16)), 'png', (77, ) * 3),
    (Image.fromarray(np.full((4, 6), 0x4DFF, np.int32)), 'tif', (77, ) * 3),
    (grey((10, 20, 30), 'RGB').quantize(4), 'png', (10, 20, 30)),
    (grey((10, 20, 30), 'RGB'), 'bmp', (10, 20, 30)),
])
def test_modes(tmp_path, image, suffix, pixel):
    rgb = load_rgb(save(tmp_path / f'a.{suffix}', image))
    assert rgb.mode == 'RGB' and rgb.size == (6, 4)
    assert rgb.getpixel((2, 2)) == pixel


def test_palette_with_transparency(tmp_path):
    image = grey((10, 20, 30), 'RGB').quantize(4)
    path = save(tmp_path / 'a.png', image, transparency=image.getpixel((0, 0)))
    assert load_rgb(path).getpixel((0, 0)) == (0, 0, 0)


def test_exif_orientation(tmp_path):
    image = Image.new('RGB', (6, 4))
    exif = image.getexif()
    exif[0x0112] = 6  # turn by a quarter to see it upright
    path = save(tmp_path / 'a.jpg', image, exif=exif)
    assert load_rgb(path).size == (4, 6)
    assert load_rgb(path, (3, 2)).size in ((4, 6), (2, 3))


def test_large_jpegs_are_decoded_small(tmp_path):
    rng = np.random.default_rng(0)
    smooth = Image.fromarray(
        rng.integers(0, 256, (9, 16, 3), dtype=np.uint8)).resize((1600, 900))
    path = save(tmp_path / 'a.jpg', smooth, quality=95)
    small = load_rgb(path, (224, 224))
    # the smallest eighth that keeps twice 224 pixels on both sides
    assert small.size == (800, 450)
    whole = load_rgb(path)
    assert whole.size == (1600, 900)
    difference = np.abs(
        np.float32(small.resize((224, 224))) -
        np.float32(whole.resize((224, 224))))
    assert difference.mean() < 1
    # grey JPEGs too; and a PNG has no such way
    path = save(tmp_path / 'g.jpg', smooth.convert('L'))
    assert load_rgb(path, (224, 224)).size == (800, 450)
    path = save(tmp_path / 'a.png', smooth)
    assert load_rgb(path, (224, 224)).size == (1600, 900)


@pytest.mark.parametrize('suffix', ['png', 'jpg', 'bmp', 'webp', 'tif'])
def test_damage(tmp_path, suffix):
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8))
    path = save(tmp_path / f'a.{suffix}', image)
    whole = path.read_bytes()
    for length in (0, 1, 8, len(whole) // 3, len(whole) * 2 // 3):
        path.write_bytes(whole[:length])
        with pytest.raises(ImageError) as e:
            load_rgb(path, (8, 8))
        assert str(e.value) and str(path) not in str(e.value)


def test_what_is_no_image(tmp_path):
    with pytest.raises(ImageError, match='no such file'):
        load_rgb(tmp_path / 'a.png')
    with pytest.raises(ImageError, match='that is a folder'):
        load_rgb(tmp_path)
    (tmp_path / 'a.png').write_text('hello')
    with pytest.raises(ImageError, match='not an image of the formats'):
        load_rgb(tmp_path / 'a.png')


def test_files_that_are_none(tmp_path):
    link = tmp_path / 'link.png'
    link.symlink_to(tmp_path / 'gone.png')
    with pytest.raises(ImageError, match='a link to a file that does not'):
        load_rgb(link)
    os.mkfifo(tmp_path / 'pipe.png')  # opening it would wait forever
    with pytest.raises(ImageError, match='a device, a pipe or a socket'):
        load_rgb(tmp_path / 'pipe.png')
    with pytest.raises(ImageError, match='null'):
        load_rgb('a\0.png')


def test_no_permission(tmp_path):
    path = save(tmp_path / 'a.png', grey(1))
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip('this user may read everything')
    with pytest.raises(ImageError, match='no permission'):
        load_rgb(path)


def test_no_permission_for_anybody(tmp_path, monkeypatch):
    path = save(tmp_path / 'a.png', grey(1))

    def refuse(*args, **kwargs):
        raise PermissionError(13, 'Permission denied', str(path))

    monkeypatch.setattr(images.Image, 'open', refuse)
    with pytest.raises(ImageError, match='^no permission to read it$'):
        load_rgb(path)


@pytest.mark.parametrize('name', ['grüße 図.png', 'two\nlines\t.png',
                                  "quote'.png", 'a' * 200 + '.png'])
def test_names(tmp_path, name):
    path = save(tmp_path / name, grey((10, 20, 30), 'RGB'))
    assert load_rgb(str(path)).getpixel((0, 0)) == (10, 20, 30)
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(ImageError) as e:
        load_rgb(str(path))
    assert name not in str(e.value)


def test_names_that_are_no_unicode(tmp_path):
    path = os.path.join(os.fsencode(tmp_path), b'\xff.png')
    try:
        with open(path, 'wb') as f:
            grey(7).save(f, 'PNG')
    except OSError:
        pytest.skip('this file system takes Unicode only')
    assert load_rgb(os.fsdecode(path)).getpixel((0, 0)) == (7, 7, 7)


def test_suffix_means_nothing(tmp_path):
    path = tmp_path / 'a.jpg'
    grey((10, 20, 30), 'RGB').save(path, 'PNG')
    assert load_rgb(path, (2, 2)).getpixel((0, 0)) == (10, 20, 30)


@pytest.mark.parametrize('format', ['EPS', 'DDS', 'SPIDER', 'TGA'])
def test_formats_that_are_not_meant(tmp_path, format, monkeypatch):
    """An EPS named x.png would start Ghostscript."""
    path = tmp_path / 'a.png'
    image = grey((10, 20, 30), 'RGB')
    image = image.convert('F') if format == 'SPIDER' else image
    # under its own name: Pillow takes a SPIDER's for that of the format
    other = tmp_path / 'a.other'
    image.save(other, format)
    other.rename(path)
    Image.init()  # all of Pillow's readers are there, and are not asked
    monkeypatch.setattr('subprocess.Popen', None)
    with pytest.raises(ImageError, match='not an image of the formats PNG'):
        load_rgb(path)


@pytest.mark.parametrize('error', [
    ZeroDivisionError('x'), AttributeError('x'), RuntimeError('x'),
    NotImplementedError('x'), AssertionError('x')])
def test_whatever_a_decoder_raises_is_one_bad_image(
        tmp_path, error, monkeypatch):
    def fail(*_, **__):
        raise error
    (tmp_path / 'a.png').write_bytes(b'x')
    monkeypatch.setattr(Image, 'open', fail)
    with pytest.raises(ImageError, match='^x$'):
        load_rgb(tmp_path / 'a.png')


@pytest.mark.parametrize('mode, level', [('CMYK', (0, 255, 255, 0)),
                                         ('L', 77), ('RGB', (255, 0, 0))])
def test_jpeg_modes(tmp_path, mode, level):
    path = save(tmp_path / 'a.jpg', grey(level, mode, (64, 48)))
    for size in (None, (8, 8)):
        pixel = load_rgb(path, size).getpixel((3, 3))
        assert pixel == pytest.approx(
            (77, ) * 3 if mode == 'L' else (255, 0, 0), abs=3)


@pytest.mark.parametrize('size', [(1, 1), (1, 3000), (3000, 1)])
def test_thin_images(tmp_path, size):
    pytest.importorskip('torch')
    from dequity_mmdet3d.likelihood.encoding.encoders.base import Squash
    for suffix in ('png', 'jpg'):
        path = save(tmp_path / f'a.{suffix}', grey((9, 99, 199), 'RGB', size))
        x = Squash((224, 224))(load_rgb(path, (224, 224)))
        assert x.shape == (3, 224, 224)
        assert x[:, 100, 100].tolist() == pytest.approx([9, 99, 199], abs=4)


def test_what_is_loaded_outlives_its_file(tmp_path):
    path = save(tmp_path / 'a.png', grey((10, 20, 30), 'RGB'))
    image = load_rgb(path)
    path.unlink()
    assert np.asarray(image)[2, 2].tolist() == [10, 20, 30]


def test_no_defined_range(tmp_path):
    path = save(tmp_path / 'a.tif', Image.new('F', (4, 4), 0.5))
    with pytest.raises(ImageError, match='floating-point'):
        load_rgb(path)
    path = save(tmp_path / 'b.tif', Image.new('I', (4, 4), 70000))
    with pytest.raises(ImageError, match='0 to 65535'):
        load_rgb(path)


def test_bombs_are_refused_before_they_are_decoded(tmp_path, monkeypatch):
    path = save(tmp_path / 'a.png', Image.new('1', (20000, 20000)))

    def never(self):
        raise AssertionError('decoded')

    with monkeypatch.context() as patch:
        patch.setattr(images.Image.Image, 'load', never)
        patch.setattr('PIL.ImageFile.ImageFile.load', never)
        with pytest.raises(ImageError, match=f'limit of {images.MAX_PIXELS}'):
            load_rgb(path)
    path = save(tmp_path / 'b.png', Image.new('L', (60, 50)))
    monkeypatch.setattr(images, 'MAX_PIXELS', 2999)
    with pytest.raises(ImageError, match='60 x 50 pixels'):
        load_rgb(path)
