"""Where samples come from: a folder of images, or the user's embeddings.

The third source, MMDetection3D's config file, is in :mod:`.host_config`.

Shape letters: N samples, D embedding size.
"""
import os
import tokenize
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...messages import counted, first_five
from ...provenance import Provenance
from ...sample_ids import check_ids
from ...tags import Tags
from .image_folders import outside_notes

IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.bmp', '.webp', '.tif', '.tiff')
# Images, too, but not taken from a folder: that is said, and not passed over.
OTHER_SUFFIXES = (
    '.apng', '.avif', '.cr2', '.dds', '.dib', '.dng', '.eps', '.exr', '.gif',
    '.heic', '.heif', '.jfif', '.jp2', '.jpe', '.jxl', '.mpo', '.nef', '.pbm',
    '.pcx', '.pgm', '.pnm', '.ppm', '.raw', '.svg', '.tga')


@dataclass(frozen=True)
class Samples:
    """What to look at.

    Args:
        ids (list[str]): N unique sample ids.
        images (list[tuple[str, ...]]): N tuples of image paths, one for
            each camera. Empty for the user's embeddings.
        cameras (list[tuple[str, ...]]): The names of these cameras. Defaults
            to the numbers 0, 1, ...
        provenance (Provenance): Where they come from.
        table_path (str, optional): Where a config expects the table.
        notes (list[str]): What the user should be told.
        groups (list[str | None], optional): The drive of each that an info
            file tells; None for one that it does not.
        data_root (str, optional): What images are named by: the folder, or
            that of the config's first data set.
        outside (list[str]): Notes on images that lie elsewhere than the data
            set, see :func:`.image_folders.outside_notes`.
        tags (Tags, optional): That info files tell.
    """
    ids: list[str]
    images: list[tuple[str, ...]]
    provenance: Provenance
    table_path: str | None = None
    notes: list[str] = field(default_factory=list)
    cameras: list[tuple[str, ...]] | None = None
    groups: list[str | None] | None = None
    data_root: str | None = None
    outside: list[str] = field(default_factory=list)
    tags: Tags | None = None

    def __post_init__(self) -> None:
        check_ids(self.ids)  # now, not after hours of encoding
        if self.cameras is None:
            numbers = [tuple(map(str, range(len(i)))) for i in self.images]
            object.__setattr__(self, 'cameras', numbers)

    def __len__(self) -> int:
        return len(self.ids)


def samples_from_folder(folder):
    """Every image under a folder is a sample.

    Args:
        folder (str | Path): Searched with its sub-folders, for the suffixes
            ``IMAGE_SUFFIXES`` in upper or lower case. Links to folders are
            not followed.

    Returns:
        Samples: Ids are the POSIX paths relative to the folder, sorted.
        Its notes count links to folders and images of ``OTHER_SUFFIXES``.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it holds no image.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(
            f'{folder} must be a folder of images, but '
            f'{"is a file" if folder.exists() else "does not exist"} (looked '
            f'from {Path.cwd()}); correct the path')

    def fail(error):
        # os.walk would leave an unreadable folder out without a word
        raise error

    ids, links, others = [], [], []
    for where, inner, names in os.walk(folder, onerror=fail):
        here = Path(where)
        ids += [(here / name).relative_to(folder).as_posix()
                for name in names if name.lower().endswith(IMAGE_SUFFIXES)]
        others += [(here / name).relative_to(folder).as_posix()
                   for name in names if name.lower().endswith(OTHER_SUFFIXES)]
        links += [(here / name).relative_to(folder).as_posix()
                  for name in inner if (here / name).is_symlink()]
    # the bytes of a name may be no text, of which ids are
    nameless = [i for i in ids if not _is_text(i)]
    ids = sorted({*ids} - {*nameless})
    if not ids:
        raise ValueError(f'{folder} must hold images of the kinds '
                         f'{", ".join(IMAGE_SUFFIXES)}, but holds none'
                         f'{_untaken(others)}; correct the path')
    images = [(str(folder / i), ) for i in ids]
    notes = []
    if links:
        notes.append(counted(len(links), 'link to a folder is',
                             'links to folders are') +
                     f' not followed: {first_five(sorted(links))}')
    if nameless:
        notes.append(counted(len(nameless), 'image whose name is',
                             'images whose names are') + ' no UTF-8 left '
                     f'out: {first_five(sorted(nameless))} (rename them)')
    if others:
        notes.append(f'only {", ".join(IMAGE_SUFFIXES)} are taken' +
                     _untaken(others))
    return Samples(ids, images, Provenance('images', 'relative_path'),
                   notes=notes, outside=outside_notes(images, folder),
                   data_root=str(folder))


def _is_text(name):
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _untaken(others):
    """What else looks like an image; '' for nothing."""
    return '' if not others else ', and ' + counted(
        len(others), 'image', 'images') + (
            f' of other kinds left out: {first_five(sorted(others))} '
            '(convert them)')


def samples_from_embeddings(path, ids_path=None):
    """The user's own embeddings.

    Args:
        path (str | Path): .npy file of (N, D) real numbers.
        ids_path (str | Path, optional): UTF-8 text with one id a line.
            None numbers the samples '0' to 'N-1'.

    Returns:
        tuple[Samples, np.ndarray]: The samples, without images, and the
        (N, D) embeddings as a memory map.

    Raises:
        FileNotFoundError: If one of the files does not exist.
        ValueError: If a file is damaged, the shape is not (N, D), or the
            ids are not N, unique and not empty.
    """
    _check_file(path, 'the embeddings')
    with open(path, 'rb') as f:
        if f.read(2) == b'PK':
            raise ValueError(f'{path} must hold one array of shape (N, D), '
                             'but holds an .npz archive')
    try:
        embeddings = np.load(path, mmap_mode='r', allow_pickle=False)
    except (ValueError, EOFError, OSError, OverflowError, SyntaxError,
            TypeError, tokenize.TokenError) as e:
        # what numpy raises about headers
        raise ValueError(
            f'{path} must be a .npy file of (N, D) numbers, but cannot be '
            f'read as one ({e}); write it with numpy.save') from e
    if embeddings.ndim != 2:
        raise ValueError(f'{path} must hold one array of shape (N, D), but '
                         f'holds one of shape {embeddings.shape}')
    more = os.path.getsize(path) - embeddings.offset - embeddings.nbytes
    if more:
        raise ValueError(
            f'{path} has {counted(more, "byte")} more than its array of shape '
            f'{embeddings.shape}: something writes to it, or did not end; '
            'wait for that, or write it anew with numpy.save')
    n = len(embeddings)
    if ids_path is None:
        ids, id_type = [str(i) for i in range(n)], 'row'
    else:
        ids, id_type = _read_ids(ids_path, n), 'given'
    return Samples(ids, [], Provenance('embeddings', id_type)), embeddings


def _read_ids(path, n):
    _check_file(path, 'the ids')
    try:
        text = Path(path).read_text(encoding='utf-8-sig')
    except UnicodeDecodeError as e:
        raise ValueError(f'{path} must be UTF-8 text, but is not ({e})') from e
    # not splitlines(): that also splits at characters an id may contain
    ids = text.split('\n')
    if ids[-1] == '':
        ids.pop()
    ids = [i.rstrip('\r') for i in ids]
    blank = [line for line, i in enumerate(ids, 1) if not i.strip()]
    if blank:
        raise ValueError(f'{path} must have an id on every line, but '
                         f'{len(blank)} lines are blank: {first_five(blank)}')
    if len(ids) != n:
        raise ValueError(f'{path} must have one id a line for each of the {n} '
                         f'embeddings, but has {len(ids)}')
    try:
        return check_ids(ids)
    except ValueError as e:
        raise ValueError(f'{path}: {e}') from e


def _check_file(path, what):
    if not Path(path).is_file():
        raise FileNotFoundError(
            f'{what}: there is no file {path} (looked from {Path.cwd()}); '
            'correct the path')
