"""From an image file to an RGB image, or to the reason why not."""
import struct
import warnings
import zlib
from pathlib import Path

from PIL import Image, ImageOps

# Pillow's own limit, at which it only warns. No camera comes near it.
MAX_PIXELS = 89_478_485
# A JPEG can be decoded at 1/2, 1/4 or 1/8 of its size for a fraction of the
# time. At twice the size that the encoder needs the embedding keeps a cosine
# of 0.9995 with that of the full decode (nuScenes frames); at once, 0.995.
DRAFT_MARGIN = 2
# What Pillow's readers raise about damaged files
_DAMAGE = (OSError, SyntaxError, ValueError, TypeError, EOFError, IndexError,
           KeyError, OverflowError, MemoryError, struct.error, zlib.error,
           Image.DecompressionBombError)


class ImageError(ValueError):
    """One image cannot be used; the message is a reason without a path."""


def load_rgb(path, size=None):
    """Decode an image as it should be seen.

    Args:
        path (str | Path): Any file that Pillow reads; the first frame, if
            there are several. Its EXIF orientation is applied. 16-bit grey
            keeps its upper 8 bits; transparent parts become black.
        size (tuple[int, int], optional): Width and height in pixels that
            the image will be resized to. A JPEG is decoded at the smallest
            size from ``DRAFT_MARGIN`` times that. None decodes all pixels.

    Returns:
        PIL.Image.Image: Mode RGB.

    Raises:
        ImageError: If it is missing, damaged, larger than ``MAX_PIXELS`` or
            of a kind without a defined 8-bit meaning.
    """
    if not Path(path).is_file():
        raise ImageError('no such file')
    try:
        with warnings.catch_warnings():
            # what matters is refused here; a damaged date in EXIF does not
            warnings.simplefilter('ignore')
            return _load(path, size)
    except ImageError:
        raise
    except _DAMAGE as e:
        reason = str(e).replace(str(path), 'the file')
        raise ImageError(reason or type(e).__name__) from e


def _load(path, size):
    with Image.open(path) as image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise ImageError(f'{width} x {height} pixels are more than '
                             f'the limit of {MAX_PIXELS}')
        if size is not None and image.mode in ('RGB', 'L'):
            # a side alone: EXIF may still turn the image
            side = DRAFT_MARGIN * max(size)
            image.draft(image.mode, (side, side))
        image.load()
        return _to_rgb(ImageOps.exif_transpose(image))


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
    return image.convert('RGB')
