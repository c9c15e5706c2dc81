"""Does a file of modes hold what it must? Asked before anything uses it.

Shape letters: D embedding size, Q dimensions, K cells, G modes.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...json_files import NUMBER, fields_of, parse_json
from ..choices import KINDS

if TYPE_CHECKING:
    from ...table import LikelihoodTable
    from ..clustering import Modes

_LEVELS = 10
_ABOUT: Any = dict(encoder=(dict, type(None)), how=str, kind=str, n=int,
                   ids_sha256=str, split=(str, type(None)), date=str)
_NUMBERS: Any = dict(bandwidth=NUMBER, floor=NUMBER, near=NUMBER,
                     level=NUMBER, slope=NUMBER, noise=NUMBER, weight=NUMBER,
                     clear=(*NUMBER, type(None)), n=int, top=NUMBER)
_POSITIVE = ('bandwidth', 'near', 'top', 'n')
_ENCODER: Any = dict(name=str, weights_sha256=(str, type(None)), resize=str,
                     cameras=str)


def about_of(raw: np.ndarray) -> tuple[dict, list, list, list | None]:
    """What a file of modes says in words.

    Args:
        raw (np.ndarray): Bytes of JSON.

    Returns:
        tuple[dict, list[str], list[float], list[dict] | None]: ``about``,
        names of the views, levels of their modes, and the numbers of the
        method 'soft'.

    Raises:
        ValueError: If it says something else; the field is named.
    """
    about = fields_of(parse_json(raw.tobytes(), _LEVELS),
                      dict(_ABOUT, views=list, levels=list))
    fields_of(dict(dict(table_sha256=None), **about),
              dict(table_sha256=(str, type(None))))
    if about['encoder'] is not None:
        fields_of(about['encoder'], _ENCODER)
    if about['kind'] not in KINDS or about['n'] < 1:
        raise ValueError(f"its 'kind' must be one of {KINDS}, and its 'n' 1 "
                         f"or more, but are {about['kind']!r} and "
                         f"{about['n']}")
    views, levels = about.pop('views'), about.pop('levels')
    numbers = about.pop('soft', None)
    if not views or len(levels) != len(views) or not all(
            isinstance(v, str) for v in views):
        raise ValueError("its 'views' must be names, with a level each")
    for level in levels:
        fields_of(dict(level=level), dict(level=NUMBER))
    if numbers is not None:
        if not isinstance(numbers, list) or len(numbers) != len(views):
            raise ValueError("its 'soft' must be numbers of each view")
        for found in numbers:
            fields_of(found, _NUMBERS)
            if not all(0 < found[name] < np.inf for name in _POSITIVE):
                raise ValueError(f'its {", ".join(_POSITIVE)} must be above '
                                 '0')
    return about, views, levels, numbers


def belongs(about: dict, table: LikelihoodTable) -> bool:
    """Whether what lies beside a table is its own.

    Args:
        about (dict): Of the table, when it was written: ``table_sha256``,
            its digest; in files before 0.2 ``ids_sha256`` and ``date``.
        table (LikelihoodTable): That is there.
    """
    if about.get('table_sha256') is not None:
        return about['table_sha256'] == table.sha256
    return all(about[name] == table.metadata.get(name)
               for name in ('ids_sha256', 'date'))


def check_modes(modes: Modes, sizes: np.ndarray, *soft: np.ndarray) -> None:
    """Raise ValueError unless arrays are of one view.

    Args:
        modes (Modes): With (D,) centre, (D, Q) axes, (K, Q) cells, (K,)
            modes from 0 to G - 1 or -1, (K,) reaches.
        sizes (np.ndarray): (G,) samples.
        soft (np.ndarray): Of the method 'soft', (Q,), (K,) and (K,).
    """
    k, q = modes.cells.shape if modes.cells.ndim == 2 else (0, 0)
    d = len(np.atleast_1d(modes.subspace.centre))
    wanted = dict(centre=(modes.subspace.centre, (d, )),
                  axes=(modes.subspace.axes, (d, q)),
                  cells=(modes.cells, (k, q)), reach=(modes.reach, (k, )),
                  cell_mode=(modes.cell_mode, (k, )),
                  sizes=(sizes, (len(np.atleast_1d(sizes)), )))
    wanted.update(zip(('viewpoint', 'cell_size', 'cell_spread'),
                      zip(soft, ((q, ), (k, ), (k, )))))
    for name, (array, shape) in wanted.items():
        whole = name in ('cell_mode', 'sizes')
        if array.shape != shape or 0 in shape or array.dtype.kind not in (
                'iu' if whole else 'fiu') or not np.isfinite(array).all():
            raise ValueError(f'its {name!r} must be finite numbers of shape '
                             f'{shape}, but are {array.dtype} of '
                             f'{array.shape}')
    if modes.cell_mode.min() < -1 or modes.cell_mode.max() >= len(sizes) or (
            sizes.min() < 0 or sizes.max() < 1):
        raise ValueError(f"its 'cell_mode' must be below {len(sizes)}, and "
                         "its 'sizes' 1 or more somewhere")


def check_ids_of(ids: np.ndarray | None,
                 sizes: dict[str, np.ndarray]) -> np.ndarray | None:
    """Ids of modes as a file tells them, if it does.

    Args:
        ids (np.ndarray, optional): What it tells.
        sizes (dict[str, np.ndarray]): Of the modes of each view.

    Raises:
        ValueError: If they are no different integers, one a mode.
    """
    if ids is None:
        return None
    modes = sum(len(size) for size in sizes.values())
    if ids.shape != (modes, ) or ids.dtype.kind not in 'iu' or (
            ids.min() < 0 or len(np.unique(ids)) < modes):
        raise ValueError(f"its 'ids' must be {modes} different integers of 0 "
                         'or more')
    return ids.astype(np.int64)
