"""JSON that anybody may have written: what is expected, or a ValueError."""
from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

Kinds = dict[str, 'type | tuple[type, ...]']
NUMBER = (int, float)


def parse_json(text: str | bytes, levels: int | None = None) -> Any:
    """Parse JSON.

    Args:
        text (str | bytes): Of any origin; bytes as UTF-8.
        levels (int, optional): How deep lists and dicts may lie in each
            other, so that what walks through them later gets to the end.
            Defaults to what the parser can do.

    Returns:
        object: What it says.

    Raises:
        ValueError: If it is no JSON, or nested deeper.
    """
    try:
        found = json.loads(text)
    except RecursionError as e:
        raise ValueError('it is nested too deep') from e
    if levels is not None and _is_deeper(found, levels):
        raise ValueError(f'it is nested deeper than {levels} levels')
    return found


def read_json(path: str | Path) -> Any:
    """What a JSON file says; see :func:`parse_json`.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no JSON, no UTF-8, or nested too deep.
    """
    return parse_json(Path(path).read_text(encoding='utf-8'))


def fields_of(data: Any, kinds: Kinds) -> dict:
    """Check what a dict must have.

    Args:
        data (object): What came.
        kinds (dict[str, type | tuple[type, ...]]): Field and its types; a
            bool is no number unless it is named.

    Returns:
        dict: ``data``, which may have others, too.

    Raises:
        ValueError: If it is no dict, or lacks a field, or one is of another
            type; the message names it.

    Example:
        >>> fields_of({'steps': '7'}, {'steps': int})
        Traceback (most recent call last):
        ...
        ValueError: its 'steps' must be int, but is str
    """
    if not isinstance(data, dict):
        raise ValueError(f'it must be a dict, but is {type(data).__name__}')
    for name, kind in kinds.items():
        if name not in data:
            raise ValueError(f'it has no {name!r}')
        if not is_of(data[name], kind):
            some = kind if isinstance(kind, tuple) else (kind, )
            raise ValueError(
                f'its {name!r} must be {" or ".join(k.__name__ for k in some)}'
                f', but is {type(data[name]).__name__}')
    return data


def is_of(value: Any, kind: type | tuple[type, ...]) -> bool:
    """As isinstance, but a bool is no number unless it is named, nor is an
    integer of 64 bits and more, which is no float and no index.
    """
    some = kind if isinstance(kind, tuple) else (kind, )
    if isinstance(value, bool):
        return bool in some
    return isinstance(value, some) and not (
        isinstance(value, int) and abs(value) >= 2**63)


def refuse_nan(data: Any, name: str) -> None:
    """Raise unless data can be JSON, which knows neither NaN nor infinity.

    Args:
        data (object): Of dicts, lists and single values.
        name (str): What it is called.

    Raises:
        ValueError: With the name of the first such number.

    Example:
        >>> refuse_nan(dict(a=[1, float('nan')]), 'page')
        Traceback (most recent call last):
        ...
        ValueError: page.a.1 is nan, which a browser cannot read
    """
    if isinstance(data, float) and not math.isfinite(data):
        raise ValueError(f'{name} is {data}, which a browser cannot read')
    inner = (data.items() if isinstance(data, dict) else
             enumerate(data) if isinstance(data, (list, tuple)) else ())
    for key, value in inner:
        if isinstance(value, (float, dict, list, tuple)):
            refuse_nan(value, f'{name}.{key}')


def _is_deeper(value: Any, levels: int) -> bool:
    level = [value]
    for _ in range(levels):
        level = [inner for outer in level if isinstance(outer, (dict, list))
                 for inner in (outer.values() if isinstance(outer, dict)
                               else outer)]
        if not level:
            return False
    return any(isinstance(inner, (dict, list)) for inner in level)
