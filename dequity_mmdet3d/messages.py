"""How this package words what it tells a user."""
from __future__ import annotations

from collections.abc import Iterable


def first_five(items: Iterable) -> str:
    """Name the first five of many things: ``'a', 'b', ... (9 in all)``."""
    items = list(items)
    shown = ', '.join(repr(i) for i in items[:5])
    return shown if len(items) <= 5 else f'{shown}, ... ({len(items)} in all)'


def counted(n: int, one: str, several: str | None = None) -> str:
    """A number of things, in the words that it needs.

    Args:
        n (int): How many.
        one (str): What follows 1.
        several (str, optional): What follows other numbers. Defaults to
            ``one`` with an s.

    Example:
        >>> counted(1, 'cluster'), counted(2, 'image is', 'images are')
        ('1 cluster', '2 images are')
    """
    return f'{n} {one if n == 1 else several or one + "s"}'


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
    return printable(' '.join(message.split())) or type(error).__name__


def printable(text: str) -> str:
    r"""Text for a terminal, without what could steer it.

    Args:
        text (str): With names of files, tags or samples, which anybody may
            have given.

    Returns:
        str: Characters that are not shown, such as those of control and of
        direction, are written as in Python.

    Example:
        >>> printable('a\x1b[2J ä')
        'a\\x1b[2J ä'
    """
    return text if text.isprintable() else ''.join(
        c if c.isprintable() or c in '\n\t' else
        c.encode('unicode_escape').decode() for c in text)
