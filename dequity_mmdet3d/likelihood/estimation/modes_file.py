"""What a table was made with, kept beside it, to look at other samples.

    TABLE.modes.npz    beside TABLE.parquet; numpy's own format, no pickle

Shape letters: V samples of a view, D embedding size, K cells.
"""
from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...bounds import read_arrays
from ...table import LikelihoodTable
from ...whole_file import whole_file
from ..beside import modes_path
from ..clustering import Modes
from ..clustering.subspace import Subspace
from ..embeddings.vectors import UnitVectors
from .array_file import write_arrays
from .estimate import Columns
from .modes_check import about_of, belongs, check_ids_of, check_modes
from .soft_fit import SOFT_ARRAYS, SoftFit, soft_fit_of

if TYPE_CHECKING:  # its module loads torch
    from ..encoding.embed import Embedded

_ARRAYS = ('centre', 'axes', 'cells', 'cell_mode', 'reach', 'sizes')


@dataclass(frozen=True)
class FittedModes:
    """The modes of each view, see :class:`.cameras.View`.

    Args:
        modes (dict[str, Modes]): By the view's name.
        sizes (dict[str, np.ndarray]): (modes,) int64 samples in each.
        about (dict): ``encoder``, ``how``, ``kind``, ``n`` (samples), and
            ``ids_sha256``, ``split``, ``date`` and digest of the table.
        soft (dict[str, SoftFit]): By the view's name; empty for the method
            'modes'.
        ids (np.ndarray, optional): (G,) int64, the ids of the modes of all
            views one after another, where they are those of an earlier
            table, see :mod:`.update`.
    """
    modes: dict[str, Modes]
    sizes: dict[str, np.ndarray]
    about: dict
    soft: dict[str, SoftFit] = field(default_factory=dict)
    ids: np.ndarray | None = None

    def check(self, embedded: Embedded) -> None:
        """Raise ValueError unless these embeddings can be compared."""
        self.check_encoder(embedded.provenance.encoder)
        for view in embedded.views:
            if view.name not in self.modes:
                raise ValueError(
                    f'the table knows the cameras {sorted(self.modes)}, but '
                    f'these samples have {view.name!r}')
            d = len(self.modes[view.name].subspace.centre)
            if view.vectors.dim != d:
                raise ValueError(
                    f'the table was made from embeddings of {d} numbers, but '
                    f'these have {view.vectors.dim}')

    def check_encoder(self, theirs: dict | None) -> None:
        """Raise ValueError unless these come from the same encoder.

        Args:
            theirs (dict, optional): ``encoder`` of a table's provenance;
                None for the user's own embeddings.
        """
        ours = self.about['encoder']
        if (ours is None) != (theirs is None):
            raise ValueError(
                'the table was made from ' +
                ('embeddings that were given' if ours is None else
                 f'images, by {ours["name"]}') + ', but these samples are ' +
                ('embeddings' if theirs is None else 'images') +
                '; give the same kind as for the table')
        if ours is None or theirs is None:
            return
        # tables before 0.2 do not say it: there was nothing else
        ours, theirs = (dict(dict(features='pooled'), **e)
                        for e in (ours, theirs))
        for key in ('name', 'weights_sha256', 'features', 'resize',
                    'cameras'):
            if ours[key] != theirs[key]:
                raise ValueError(
                    f'the table was made with the {key} {ours[key]!r} of its '
                    f'encoder, but these samples come with {theirs[key]!r}; '
                    'give the same options as for the table' +
                    (f' (--features {ours[key]})' if key == 'features'
                     else ''))

    def columns(self, name: str, vectors: UnitVectors) -> Columns:
        """What the table's clusters say of the samples of a view.

        Args:
            name (str): Of the view.
            vectors (UnitVectors): (V, D) embeddings.

        Returns:
            Columns: A sample unlike the training set belongs to no cluster,
            and counts as one of its own.
        """
        rows = self.modes[name].place(vectors)
        labels = self.modes[name].assign_rows(rows)
        sizes = self.sizes[name]
        size = np.where(labels < 0, 1, np.append(sizes, 1)[labels])
        if name in self.soft:
            fit = self.soft[name]
            share = fit.soft.share(rows, fit.soft.size_of(labels))
            if self.about['kind'] == 'relative':
                share = share / fit.top
            return Columns(
                np.minimum(share, 1.0), labels, size, len(sizes))
        whole = (sizes.max() if self.about['kind'] == 'relative' else
                 self.about['n'])
        return Columns(
            np.minimum(size / whole, 1.0), labels, size, len(sizes))

    def of(self, table: LikelihoodTable) -> FittedModes:
        """FittedModes: The same, as those of a table that was made of it."""
        about = dict(self.about, table_sha256=table.sha256)
        return replace(self, about=about)

    def save(self, path: str | Path) -> None:
        """Write to ``path``, whole or not at all.

        Raises:
            OSError: If it cannot be written there.
        """
        arrays = {}
        for i, (name, modes) in enumerate(self.modes.items()):
            values = (modes.subspace.centre, modes.subspace.axes, modes.cells,
                      modes.cell_mode, modes.reach, self.sizes[name])
            arrays.update(
                {f'{i}_{key}': v for key, v in zip(_ARRAYS, values)})
            if name in self.soft:
                arrays.update({f'{i}_{key}': v for key, v in
                               self.soft[name].arrays().items()})
        about = dict(self.about, views=list(self.modes),
                     levels=[m.level for m in self.modes.values()])
        if self.soft:
            about['soft'] = [self.soft[name].numbers() for name in self.modes]
        if self.ids is not None:
            arrays['ids'] = self.ids
        text = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
        with whole_file(path, parents=True) as f:
            write_arrays(f, dict(about=text, **arrays))

    @classmethod
    def load(cls, path: str | Path) -> FittedModes:
        """Read what :meth:`save` wrote.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is damaged.
        """
        if not Path(path).is_file():
            raise FileNotFoundError(
                f'there is no {path}, where the modes of a table lie (looked '
                f"from {Path.cwd()}); only tables of the methods 'soft' and "
                "'modes' have one, and it must be moved together with the "
                'table')
        try:
            file = read_arrays(path)
            about, views, levels, numbers = about_of(file['about'])
            modes, sizes, soft = {}, {}, {}
            for i, (name, level) in enumerate(zip(views, levels)):
                centre, axes, cells, mode, reach, size = (
                    file[f'{i}_{key}'] for key in _ARRAYS)
                modes[name] = Modes(
                    Subspace(centre, axes), cells, mode, reach, level)
                sizes[name] = size
                more = [] if numbers is None else [
                    file[f'{i}_{key}'] for key in SOFT_ARRAYS]
                check_modes(modes[name], size, *more)
                if numbers is not None:
                    modes[name], soft[name] = soft_fit_of(
                        modes[name], numbers[i], *more)
            ids = check_ids_of(file.get('ids'), sizes)
        except (OSError, ValueError) as e:
            raise ValueError(f'{path} is damaged ({e}); make the table '
                             'anew') from e
        return cls(modes, sizes, about, soft, ids)


def load_modes(table_path, kind=LikelihoodTable, of_objects=False):
    """What a table was made with.

    Args:
        table_path (str | Path): A table.
        kind (type): Its class, with ``load``. Defaults to the likelihood
            table's.
        of_objects (bool): Whether a likelihood table may be made of its
            scenes and their objects.

    Returns:
        FittedModes: From the file beside it.

    Raises:
        FileNotFoundError: If one of the files does not exist.
        ValueError: If one is damaged, or they belong to different tables.
    """
    table = kind.load(table_path)
    if kind is LikelihoodTable and not of_objects and (
            table.metadata.get('objects')):
        raise ValueError(f'{table_path} was made with --objects; give '
                         '--objects here, too')
    if (table.metadata.get('clustering') or {}).get('method') == 'tags':
        raise ValueError(f'{table_path} was made by --method tags; give that '
                         'and --tags FILE here, too')
    fitted = FittedModes.load(modes_path(table_path))
    if not belongs(fitted.about, table):
        raise ValueError(
            f'{modes_path(table_path)} was made with another table than '
            f'{table_path}: one was copied alone, or a run was killed as it '
            'replaced both; make the table anew, its embeddings are kept')
    return fitted
