"""From an image file to an RGB image, or to the reason why not.

Every function here may run in several threads at once.
"""
import os
from stat import S_ISDIR, S_ISREG

from PIL import Image, ImageOps, UnidentifiedImageError

from .crops import Crop, load_crop

# Pillow's own limit, at which it only warns. No camera comes near it.
MAX_PIXELS = 89_478_485
# A JPEG can be decoded at 1/2, 1/4 or 1/8 of its size for a fraction of the
# time. At twice the size that the encoder needs the embedding keeps a cosine
# of 0.9993 or more with that of the full decode (6 nuScenes frames,
# EfficientNet-Lite0); at once, 0.992. The step from a quarter to a half costs
# 0.9 ms a frame, a tenth of what bfloat16 units need for ViT-B-32.
DRAFT_MARGIN = 2
_ORIENTATION = 0x0112  # the EXIF tag
_ON_ITS_SIDE = (5, 6, 7, 8)  # its values that swap width and height
# Pillow would also start Ghostscript for an EPS file, whatever its name; and
# its readers of rare formats are the ones that few have tried to break. What
# cameras write, and PPM and GIF, which data sets have been found in.
FORMATS = ('PNG', 'JPEG', 'BMP', 'WEBP', 'TIFF', 'PPM', 'GIF')


class ImageError(ValueError):
    """One image cannot be used; the message is a reason without a path."""


def load_rgb(path, size=None):
    """Decode an image as it should be seen.

    Args:
        path (str | Path | Crop): A file of one of ``FORMATS``, whatever its
            name, or a part of its image;
            the first frame, if there are several. Its EXIF orientation is
            applied. 16-bit grey keeps its upper 8 bits; transparent parts
            become black.
        size (tuple[int, int], optional): Width and height in pixels that
            the image will be resized to. A JPEG is decoded at the smallest
            size from ``DRAFT_MARGIN`` times that. None decodes all pixels.

    Returns:
        PIL.Image.Image: Mode RGB.

    Raises:
        ImageError: If it is missing, damaged, larger than ``MAX_PIXELS`` or
            of a kind without a defined 8-bit meaning.
    """
    if isinstance(path, Crop):  # its box is in pixels of the full size
        part = load_crop(path, load_rgb)
        if part is None:
            raise ImageError('the box lies outside the image')
        return part
    try:
        stat = os.stat(path)
        mode = stat.st_mode
        if not S_ISREG(mode):
            raise ImageError('that is a folder' if S_ISDIR(mode) else
                             'that is a device, a pipe or a socket')
        if stat.st_size == 0:
            raise ImageError('the file is empty')
        return _load(path, size)
    except ImageError:
        raise
    except FileNotFoundError as e:
        raise ImageError('a link to a file that does not exist' if os.path.
                         islink(path) else 'no such file') from e
    except PermissionError as e:
        raise ImageError('no permission to read it') from e
    except Image.DecompressionBombError as e:
        # Pillow's own limit is twice as high, and so would be its message
        raise ImageError(
            f'more pixels than the limit of {MAX_PIXELS}') from e
    except UnidentifiedImageError as e:
        raise ImageError('not an image of the formats '
                         f'{", ".join(FORMATS)}') from e
    except Exception as e:  # a decoder may raise anything about damage
        reason = str(e).replace(str(path), 'the file').replace(
            repr(str(path)), 'the file')
        raise ImageError(reason or type(e).__name__) from e


def image_size(path):
    """Width and height of an image as it should be seen, from its header.

    Args:
        path (str | Path): See :func:`load_rgb`.

    Returns:
        tuple[int, int]: Pixels; None where the file tells none, for which
        :func:`load_rgb` has the reason.
    """
    try:
        if not S_ISREG(os.stat(path).st_mode):
            return None
        with Image.open(path, formats=FORMATS) as image:
            turned = image.getexif().get(_ORIENTATION, 1) in _ON_ITS_SIDE
            return image.size[::-1] if turned else image.size
    except Exception:  # a decoder may raise anything about damage
        return None


def _load(path, size):
    with Image.open(path, formats=FORMATS) as image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise ImageError(f'{width} x {height} pixels are more than '
                             f'the limit of {MAX_PIXELS}')
        if size is not None and image.mode in ('RGB', 'L'):
            # a side alone: EXIF may still turn the image
            side = DRAFT_MARGIN * max(size)
            image.draft(image.mode, (side, side))
        image.load()
        # asked here, because Pillow copies an image that needs no turn
        if image.getexif().get(_ORIENTATION, 1) != 1:
            return _to_rgb(ImageOps.exif_transpose(image))
        return _to_rgb(image)


def _to_rgb(image):
    if image.mode.startswith('I'):  # I;16 and its kin, and 32-bit I
        import numpy as np
        pixels = np.asarray(image)
        if pixels.size and not 0 <= pixels.min() <= pixels.max() < 65536:
            raise ImageError('integer pixels outside 0 to 65535')
        image = Image.fromarray((pixels >> 8).astype('uint8'))
    elif image.mode == 'F':
        raise ImageError('floating-point pixels have no defined range; '
                         'convert the image to 8 bits')
    if 'A' in image.mode or 'a' in image.mode or 'transparency' in image.info:
        image = image.convert('RGBA')
        black = Image.new('RGBA', image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, image)
    # Pillow would copy what is RGB already
    return image if image.mode == 'RGB' else image.convert('RGB')
