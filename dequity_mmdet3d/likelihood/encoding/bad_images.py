"""Images that cannot be used: an error that counts, a file that lists."""
from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from ...whole_file import whole_file
from ..beside import bad_images_path


class UnreadableImages(ValueError):
    """Some images cannot be used.

    Args:
        failures (list[tuple[str, str]]): Path and reason.
        total (int): Number of images that were tried.
        listed (str | Path, optional): File that lists all of them.
    """

    def __init__(self, failures: list[tuple[str, str]], total: int,
                 listed: str | Path | None = None):
        self.failures = failures
        shown = '; '.join(f'{path}: {why}' for path, why in failures[:5])
        more = '; ...' if len(failures) > 5 else ''
        where = f' (all listed in {listed})' if listed is not None else ''
        going_on = (', or go on without them with --skip-bad'
                    if len(failures) < total else '')
        super().__init__(
            f'{len(failures)} of {total} images cannot be used{where}: '
            f'{shown}{more} (copy them anew, or take these samples out of '
            f'the data set{going_on})')


def write_bad_images(path, failures):
    r"""List bad images, one a line: path, tab, reason.

    Args:
        path (str | Path): Text file, written whole. In the list a backslash,
            tab or line break of a name is written as in Python (``\n``),
            and a name that is no UTF-8 with its own bytes.
        failures (list[tuple[str, str]]): Path and reason.

    Raises:
        OSError: If it cannot be written.
    """
    try:
        with whole_file(path) as f:
            for image, why in failures:
                f.write(
                    os.fsencode(f'{escape(image)}\t{escape(why)}\n'))
    except OSError as e:
        raise OSError(f'cannot write the list of bad images {path}: '
                      f'{e.strerror or e}') from e


def read_bad_images(path):
    """Read what :func:`write_bad_images` wrote.

    Args:
        path (str | Path): Text file.

    Returns:
        list[tuple[str, str]]: Path and reason, as they were before they were
        written; none if there is no such file.
    """
    try:
        lines = Path(path).read_bytes().split(b'\n')
    except FileNotFoundError:
        return []
    parts = [os.fsdecode(line).partition('\t') for line in lines if line]
    return [(unescape(image), unescape(why)) for image, _, why in parts]


_ESCAPES = {'\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t'}
_PLAIN = {written: plain for plain, written in _ESCAPES.items()}


def escape(text):
    """On one line and without a tab."""
    return re.sub(r'[\\\n\r\t]', lambda found: _ESCAPES[found[0]], text)


def unescape(text):
    """What :func:`escape` was given."""
    return re.sub(r'\\[\\nrt]', lambda found: _PLAIN[found[0]], text)


def forget_bad_images(out):
    """Remove the list of an earlier run, which this one makes stale."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(bad_images_path(out))
