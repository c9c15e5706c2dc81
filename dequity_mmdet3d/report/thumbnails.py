"""Small images for the page, as many as fit."""
import base64
import io
import os
from concurrent.futures import ThreadPoolExecutor

from dequity_mmdet3d.likelihood.encoding.images import ImageError, load_rgb

# Largest width and height; the first with which all images fit is taken,
# and the last if none is.
BOXES = ((160, 96), (128, 72), (96, 56))
GALLERY = (320, 180)
_TRIED = 64


def thumbnail(path, box):
    """One image as WebP.

    Args:
        path (str): Image file.
        box (tuple[int, int]): Largest width and height, in pixels.

    Returns:
        str: The file in base64, or '' if the image cannot be used.
    """
    try:
        image = load_rgb(path, box)
    except ImageError:
        return ''
    image.thumbnail(box, reducing_gap=2.0)
    return encoded(image)


def encoded(image):
    """str: A Pillow image as WebP, in base64."""
    file = io.BytesIO()
    image.save(file, 'WEBP', quality=55, method=2)
    return base64.b64encode(file.getvalue()).decode()


def thumbnails(paths, box, progress=None):
    """Many images as WebP.

    Args:
        paths (Sequence[str]): Image files.
        box (tuple[int, int]): Largest width and height, in pixels.
        progress (Callable[[Iterator, int], Iterable], optional): Wraps the
            iterator of the given length, for a progress bar.

    Yields:
        str: In their order, see :func:`thumbnail`.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            done = pool.map(lambda path: thumbnail(path, box), paths)
            yield from progress(done, len(paths)) if progress else done
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def fitting_box(paths, budget):
    """The largest box with which all images should fit.

    Args:
        paths (Sequence[str]): Image files.
        budget (float): Characters of base64 for all of them.

    Returns:
        tuple[int, int]: One of ``BOXES``.
    """
    some = paths[::max(1, len(paths) // _TRIED)][:_TRIED]
    for box in BOXES:
        sizes = [len(text) for text in thumbnails(some, box)]
        # a tenth to spare: the others may be larger
        if 1.1 * sum(sizes) / len(some) * len(paths) <= budget:
            return box
    return BOXES[-1]
