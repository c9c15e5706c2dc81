"""How this package words what it tells a user."""
from __future__ import annotations

from collections.abc import Iterable


def first_five(items: Iterable) -> str:
    """Name the first five of many things: ``'a', 'b', ... (9 in all)``."""
    items = list(items)
    shown = ', '.join(repr(i) for i in items[:5])
    return shown if len(items) <= 5 else f'{shown}, ... ({len(items)} in all)'


def counted(n: int, what: str) -> str:
    """A number of things, the last word in the number that it needs.

    Example:
        >>> counted(1, 'cluster'), counted(2000, 'image')
        ('1 cluster', '2000 images')
    """
    return f'{n} {what}' if n == 1 else f'{n} {what}s'


def error_line(error: BaseException) -> str:
    """One line of text for an exception.

    Args:
        error (BaseException): With a message of any number of lines.

    Returns:
        str: The message without the quotes that KeyError adds, on one line.
    """
    message = str(error)
    if isinstance(error, KeyError) and error.args:
        message = str(error.args[0])
    return ' '.join(message.split()) or type(error).__name__
