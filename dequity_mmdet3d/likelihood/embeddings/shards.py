"""Embeddings on disk, in files that appear whole or not at all.

    FOLDER/<identity>/identity.json            what made them, for people
    FOLDER/<identity>/000000-1f2e3d4c.arrow    the first shard, and so on

What a shard holds is told in :mod:`.arrow_file`. A shard is never changed:
new images make new shards, whose numbers are higher.

Shape letters: M images, m images of one shard, D embedding size.
"""
from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...whole_file import lock, remove_leftovers, whole_file
from ..choices import EMBEDDING_DTYPES, SHARD_SIZE
from . import arrow_file
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
    def open(self, identity: dict, lead: bool = True) -> Iterator[Shards]:
        """Make the shards of one identity ready for writing.

        Args:
            identity (dict): From :func:`.identity.identity_of`.
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
        shards = Shards(folder, identity['dim'], self.dtype)
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


class Shards:
    """The shards of one identity.

    Args:
        folder (Path): Of these shards alone; its name stands in each.
        dim (int): D.
        dtype (str): Of the numbers.
    """

    def __init__(self, folder: Path, dim: int, dtype: str):
        self.folder = Path(folder)
        self.dim = dim
        self.dtype = np.dtype(dtype)

    def names(self) -> list[str]:
        """Files that are called as a shard, by rising number."""
        try:
            found = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        numbered = [(arrow_file.file_number(name), name) for name in found]
        return [name for number, name in sorted(
            (n, name) for n, name in numbered if n is not None)]

    @property
    def nbytes(self) -> int:
        """Bytes on disk."""
        return sum((self.folder / n).stat().st_size for n in self.names())

    def write(self, number: int, images: Sequence[str],
              stamps: Sequence[str], embeddings: np.ndarray,
              reasons: Sequence[str | None]) -> str:
        """Save a shard.

        Args:
            number (int): Higher than those of the shards that are there.
            images (Sequence[str]): m names, see :mod:`.names`.
            stamps (Sequence[str]): m :func:`.names.stamp_of`, from before
                the images were read.
            embeddings (np.ndarray): (m, D).
            reasons (Sequence[str | None]): m, why there is no embedding.

        Returns:
            str: Its file's name.

        Raises:
            OSError: If it cannot be written.
        """
        content = arrow_file.to_bytes(
            images, stamps, np.asarray(embeddings, dtype=self.dtype), reasons,
            self.folder.name)
        name = arrow_file.file_name(number, content)
        with _explained(self.folder), whole_file(self.folder / name) as f:
            f.write(content)
        return name

    def read(self, name: str) -> arrow_file.Records | None:
        """What a shard says of its rows; None unless it is whole and ours,
        and each row has an embedding with a direction, or a reason.
        """
        path = self.folder / name
        if not arrow_file.is_whole(path):
            return None
        try:
            records = self.records(name)
        except (ValueError, FileNotFoundError):
            return None  # another program's, or of another identity
        rows = self.rows(name, records)
        usable = np.isfinite(rows).all(1) & np.asarray(rows).any(1)
        told = ~records.reason.is_null().to_numpy(zero_copy_only=False)
        return records if (usable | told).all() else None

    def records(self, name: str) -> arrow_file.Records:
        """As :meth:`read`, of a shard that is known to be whole.

        Raises:
            FileNotFoundError: If it is gone.
            ValueError: If it is none of these shards.
        """
        return arrow_file.read_records(
            self.folder / name, self.dim, self.dtype, self.folder.name)

    def rows(self, name: str, records: arrow_file.Records) -> np.ndarray:
        """(m, D) memory map of a shard; holds a file descriptor."""
        return arrow_file.map_embeddings(
            self.folder / name, records, self.dim, self.dtype)

    def remove(self, name: str) -> None:
        """Remove a shard that is damaged, where that can be done."""
        with contextlib.suppress(OSError):
            (self.folder / name).unlink()


@contextlib.contextmanager
def _explained(folder):
    try:
        yield
    except OSError as e:
        raise OSError(f'cannot keep embeddings in {folder}: '
                      f'{e.strerror or e}; {_ADVICE}') from e
