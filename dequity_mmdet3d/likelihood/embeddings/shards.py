"""Embeddings on disk, in shards that appear whole or not at all.

    FOLDER/<identity>/identity.json   what made these embeddings, for people
    FOLDER/<identity>/000000.npy      the first shard, and so on

A shard is an (m, D) array of numpy's own format, which ``numpy.load`` reads,
followed by a second one: the bytes of a JSON record with a checksum, the
images that failed, and a digest of the images' sizes and times of change.
Nothing is ever unpickled.

Shape letters: M images, m images of one shard, D embedding size.
"""
from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import tokenize
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...whole_file import lock, remove_leftovers, whole_file
from ..choices import EMBEDDING_DTYPES, SHARD_SIZE
from .changes import what_changed

_ADVICE = 'free some space, or give another folder with --embeddings-dir'


@dataclass(frozen=True)
class ShardStore:
    """Where and how embeddings are kept.

    Args:
        folder (str | Path): Made if needed.
        dtype (str): 'float16', whose rounding moves an embedding by a cosine
            of less than 1e-6, or 'float32'.
        shard_size (int): Images in a file, >= 1. A multiple of the batch
            size loses no time.
        say (Callable, optional): Takes one line for the user.

    Raises:
        ValueError: If the type or the size cannot be used.
    """
    folder: Any
    dtype: str = 'float16'
    shard_size: int = SHARD_SIZE
    say: Callable | None = None

    def __post_init__(self) -> None:
        if self.dtype not in EMBEDDING_DTYPES:
            raise ValueError(f'dtype must be one of {EMBEDDING_DTYPES}, but '
                             f'is {self.dtype!r}')
        if isinstance(self.shard_size, bool) or not isinstance(
                self.shard_size, int) or self.shard_size < 1:
            raise ValueError('shard_size must be an integer of 1 or more, '
                             f'but is {self.shard_size!r}')

    @contextlib.contextmanager
    def open(self, identity: dict, paths: Sequence[str],
             lead: bool = True) -> Iterator[Shards]:
        """Make the shards of one identity ready for writing.

        Args:
            identity (dict): From :func:`.identity.identity_of`.
            paths (Sequence[str]): M images.
            lead (bool): True for the one process that looks after the
                folder: it must be in here before the others.

        Yields:
            Shards: Locked against other runs until the end.

        Raises:
            OSError: If the folder cannot be written, or another run writes
                to it.
        """
        text = json.dumps(identity, sort_keys=True)
        name = hashlib.sha256(text.encode()).hexdigest()[:16]
        folder = Path(self.folder) / name
        shards = Shards(folder, paths, identity['dim'], self.dtype,
                        self.shard_size)
        if not lead:
            yield shards
            return
        known = folder.is_dir()
        with _explained(self.folder):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / '.lock').touch()
        with lock(folder / '.lock',
                  f'another run writes embeddings to {folder}; wait for its '
                  'end, or give another --embeddings-dir') as locked:
            with _explained(self.folder):
                if locked:
                    remove_leftovers(folder)
                with whole_file(folder / 'identity.json') as f:
                    f.write(json.dumps(identity, indent=2).encode())
            if self.say is not None and not known:
                changed = what_changed(identity, folder)
                if changed:
                    self.say(f'encoding anew: {changed}')
            yield shards


class Shards(Sequence):
    """The shards of one identity; indexing gives (m, D) memory maps.

    Each map is opened when it is asked for, because every open one holds a
    file descriptor, of which a process may have only 1,024.

    Args:
        folder (Path): Of these shards alone.
        paths (Sequence[str]): M images, in the order of the rows.
        dim (int): D.
        dtype (str): Of the numbers.
        size (int): Images in every shard but the last.
    """

    def __init__(self, folder: Path, paths: Sequence[str], dim: int,
                 dtype: str, size: int):
        self.folder = Path(folder)
        self.paths = paths
        self.dim = dim
        self.dtype = np.dtype(dtype)
        self.size = size

    def __len__(self) -> int:
        return -(-len(self.paths) // self.size)

    def __getitem__(self, k: Any) -> Any:
        if isinstance(k, slice):
            return [self[i] for i in range(*k.indices(len(self)))]
        if not -len(self) <= k < len(self):
            raise IndexError(k)
        return np.load(
            self.path(k % len(self)), mmap_mode='r', allow_pickle=False)

    def path(self, k: int) -> Path:
        """File of shard ``k``."""
        return self.folder / f'{k:06d}.npy'

    def span(self, k: int) -> tuple[int, int]:
        """First image of shard ``k``, and the one behind its last."""
        return k * self.size, min((k + 1) * self.size, len(self.paths))

    @property
    def nbytes(self) -> int:
        """Bytes on disk."""
        return sum(
            self.path(k).stat().st_size for k in range(len(self)))

    def write(self, k: int, embeddings: np.ndarray,
              failures: list[tuple[int, str]], stamp: str) -> None:
        """Save a shard.

        Args:
            k (int): Its number.
            embeddings (np.ndarray): (m, D).
            failures (list[tuple[int, str]]): Row in the shard and reason.
            stamp (str): :meth:`stamp` from before the images were read.

        Raises:
            OSError: If it cannot be written.
        """
        embeddings = np.ascontiguousarray(embeddings, dtype=self.dtype)
        record = dict(
            crc32=zlib.crc32(embeddings.data), failures=failures, stamp=stamp)
        content = _content_of(embeddings, record)
        with _explained(self.folder), whole_file(self.path(k)) as f:
            f.write(content)

    def read(self, k: int) -> dict | None:
        """The record of a shard, once it has proved to be whole.

        Args:
            k (int): Its number.

        Returns:
            dict: ``failures`` and ``stamp`` as they were written; None if
            the shard is missing or damaged.
        """
        first, end = self.span(k)
        try:
            embeddings, record = _content_from(self.path(k))
            if (embeddings.shape != (end - first, self.dim)
                    or embeddings.dtype != self.dtype
                    or zlib.crc32(embeddings) != record['crc32']):
                return None
            failures = [(int(row), str(why))
                        for row, why in record['failures']]
            if not all(0 <= row < end - first for row, _ in failures):
                return None
            return dict(record, failures=failures,
                        stamp=str(record['stamp']))
        except (OSError, ValueError, EOFError, KeyError, TypeError,
                AttributeError, MemoryError, OverflowError, SyntaxError,
                RecursionError, tokenize.TokenError):
            return None  # cut off, or something else's file

    def stamp(self, k: int) -> str:
        """Digest of the sizes and times of change of a shard's images."""
        digest = hashlib.sha256()
        for path in self.paths[slice(*self.span(k))]:
            try:
                stat = os.stat(path)
                line = f'{stat.st_size} {stat.st_mtime_ns};'
            except (OSError, ValueError):
                line = 'missing;'
            digest.update(line.encode())
        return digest.hexdigest()


def _content_of(embeddings, record):
    """The bytes of a shard: its array, then its record as another one."""
    # numpy writing to a file itself would not say that the disk is full
    content = io.BytesIO()
    np.save(content, embeddings, allow_pickle=False)
    np.save(content, np.frombuffer(json.dumps(record).encode(), np.uint8))
    return content.getvalue()


def _content_from(path):
    """The array and the record of a shard; damage raises nearly anything."""
    with open(path, 'rb') as f:
        # not numpy.load, which would also try a zip archive
        embeddings = np.lib.format.read_array(f, allow_pickle=False)
        text = np.lib.format.read_array(f, allow_pickle=False)
    return embeddings, json.loads(text.tobytes())


@contextlib.contextmanager
def _explained(folder):
    try:
        yield
    except OSError as e:
        raise OSError(f'cannot keep embeddings in {folder}: '
                      f'{e.strerror or e}; {_ADVICE}') from e
