"""A part of an image, in place of an image.

Every function here may run in several threads at once.
"""
from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

# Objects of one image follow one another, and a thread decodes it once.
_LAST = threading.local()


class Crop(str):
    """A box in an image file; as a text, both of them.

    So it has a name of its own wherever images have names, which depends on
    the box.

    Args:
        file (str): Of the image.
        box (tuple[float, float, float, float]): x1, y1, x2, y2 in pixels of
            the upright image, x1 < x2 and y1 < y2. What lies outside the
            image is left out.

    Example:
        >>> Crop('a/1.png', (1, 2, 30.5, 40))
        'a/1.png#1,2,30.5,40'
    """
    file: str
    box: tuple[float, float, float, float]

    def __new__(cls, file: str, box: Any) -> Crop:
        """See the class."""
        self = super().__new__(
            cls, f'{file}#{",".join(f"{round(v, 2):g}" for v in box)}')
        self.file = file
        self.box = tuple(box)
        return self


def file_of(path: Any) -> Any:
    """The file that an image lies in, whether it is all of it or a part."""
    return path.file if isinstance(path, Crop) else path


def load_crop(crop: Crop, load: Callable) -> Any:
    """Decode a part of an image.

    Args:
        crop (Crop): Which.
        load (Callable): From the path of a file to a PIL image; its errors
            are those of this function.

    Returns:
        PIL.Image.Image: At least one pixel wide and high; None where the
        box lies outside the image.
    """
    stat = None
    try:
        found = os.stat(crop.file)
        stat = crop.file, found.st_size, found.st_mtime_ns
    except OSError:
        pass  # load says why
    if stat is None or getattr(_LAST, 'stat', None) != stat:
        _LAST.stat = None
        _LAST.image = load(crop.file)
        _LAST.stat = stat
    image = _LAST.image
    whole = whole_pixels(crop.box, image.size)
    return None if whole is None else image.crop(whole)


def whole_pixels(
        box: tuple[float, float, float, float],
        size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """The pixels that a box touches.

    Args:
        box (tuple[float, float, float, float]): x1, y1, x2, y2.
        size (tuple[int, int]): Width and height of the image.

    Returns:
        tuple[int, int, int, int]: x1, y1, x2, y2 with the ends excluded;
        None where there is no pixel.

    Example:
        >>> whole_pixels((-2.5, 1.2, 3.1, 90), (10, 8))
        (0, 1, 4, 8)
    """
    x1, y1 = (max(0, int(v // 1)) for v in box[:2])
    x2, y2 = (min(n, int(-(-v // 1))) for v, n in zip(box[2:], size))
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None
