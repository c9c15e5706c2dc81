"""Images by their names: by what an embedding is found again."""
from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence


def image_names(paths: Sequence[str], root: str | None = None) -> list[str]:
    r"""Names that stay when the folder of all images moves.

    Args:
        paths (Sequence[str]): Absolute or relative, at least one.
        root (str, optional): What the data set's paths are relative to.
            Defaults to the deepest folder that holds all of them, which
            another list of images may not have.

    Returns:
        list[str]: Relative to ``root`` with '/', absolute outside of it (as
        on another drive of Windows); in the same order, and another for
        each file. Anything that is no text has its number (``\udcff``), and
        a backslash is written twice.

    Example:
        >>> image_names(['/data/a/1.png', '/else/2.png'], '/data')
        ['a/1.png', '/else/2.png']
    """
    whole = [os.path.abspath(path) for path in paths]
    if root is None:
        root = _common_folder(whole)
    start = None
    if root is not None:
        start = os.path.abspath(root).rstrip(os.sep) + os.sep
    return [_text(path[len(start):] if start and path.startswith(start)
                  else path) for path in whole]


def _common_folder(paths):
    # there are far fewer folders than paths
    try:
        return os.path.commonpath({os.path.dirname(path) for path in paths})
    except ValueError:  # on two drives
        return None


def _text(name):
    name = name.replace(os.sep, '/')
    if '\\' in name or not name.isascii():
        name = name.replace('\\', '\\\\').encode(
            errors='backslashreplace').decode()
    return name


def names_digest(names: Iterable[str]) -> str:
    """SHA-256 of names in their order, no two lists being one text."""
    digest = hashlib.sha256()
    for name in names:
        digest.update(name.encode() + b'\0')
    return digest.hexdigest()


def stamp_of(path: str) -> str:
    """A file's size in bytes and time of change in ns; 'missing' without."""
    try:
        stat = os.stat(getattr(path, 'file', path))  # of a Crop
    except (OSError, ValueError):
        return 'missing'
    return f'{stat.st_size} {stat.st_mtime_ns}'
