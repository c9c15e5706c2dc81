"""What the command-line tools share: counts, and how a mistake ends a run."""
from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Container, Iterable
from dis import opmap

from .messages import error_line
from .process_ends import Terminated, readers_may_go, sigterm_as_interrupt

PACKAGE = __package__
# This package raises these on purpose, with advice.
USER_ERRORS = (ValueError, TypeError, KeyError)
# These tell of the user's machine whoever raises them.
MACHINE_ERRORS = (OSError, ImportError)
_RAISE = opmap['RAISE_VARARGS']  # the instruction of a raise statement


class DefaultsHelp(argparse.ArgumentDefaultsHelpFormatter):
    """Help that names the defaults, of the arguments that have one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default is None or action.default is False:
            return action.help
        return super()._get_help_string(action)


def positive(text: str) -> int:
    """An argument that counts something: 1 or more."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f'expected 1 or more, got {text}')
    return value


def is_users_mistake(error: BaseException,
                     packages: Container[str] = (PACKAGE, )) -> bool:
    """Whether one line tells a user more than a traceback.

    Args:
        error (BaseException): As caught, with its traceback.
        packages (Container[str]): Those that raise ``USER_ERRORS`` on
            purpose. Defaults to this one.

    Returns:
        bool: True for what these raised on purpose and for what the
        machine refused; False for a bug, of ours or of the host.
    """
    if isinstance(error, MACHINE_ERRORS):
        return True
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    module = frame.tb_frame.f_globals.get('__name__', '') if frame else ''
    return isinstance(error, USER_ERRORS) and (
        module.split('.')[0] in packages)


def run_cli(main: Callable[[], int | None],
            again: str = 'repeat the same command',
            packages: Iterable[str] = ()) -> int:
    """Call ``main`` and turn what it raises into an exit status.

    Args:
        main (Callable[[], int | None]): The tool. None means 0.
        again (str): What to do after Ctrl-C.
        packages (Iterable[str]): Which raise on purpose, with advice, as
            this one and the tool itself do. Defaults to no other.

    Returns:
        int: What ``main`` returned, which ends its work also when nobody
        reads its lines any more; 1 after a user's mistake, with
        ``error: ...`` on standard error; 130 after Ctrl-C and 143 after
        SIGTERM, which do the same. Any other exception passes, as does
        everything with ``DEQUITY_TRACEBACK=1`` in the environment.

    Example:
        >>> run_cli(lambda: None)
        0
    """
    with readers_may_go():
        return _run(main, again, (PACKAGE, '__main__', *packages))


def _run(main: Callable[[], int | None], again: str,
         packages: Container[str]) -> int:
    try:
        with sigterm_as_interrupt():
            status = main()
    except Terminated:
        _last_word(f'terminated; {again}')
        return 143
    except KeyboardInterrupt:
        _last_word(f'interrupted; {again}')
        return 130
    except (*USER_ERRORS, *MACHINE_ERRORS) as e:
        if os.environ.get('DEQUITY_TRACEBACK') == '1' or not (
                is_users_mistake(e, packages)):
            raise
        _last_word(f'error: {_bare(e) or error_line(e)}' + _missing(e))
        return 1
    return 0 if status is None else status


def _bare(error: BaseException) -> str | None:
    """What to say of a key that nobody missed on purpose, but a dict did."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    if not isinstance(error, KeyError) or frame is None or (
            frame.tb_frame.f_code.co_code[frame.tb_lasti] == _RAISE):
        return None
    where = frame.tb_frame.f_globals.get('__name__')
    return (f'there is no {str(error)} in what {where} reads (line '
            f'{frame.tb_lineno}): a file is damaged, or of another version; '
            'DEQUITY_TRACEBACK=1 tells more')


def _missing(error: BaseException) -> str:
    bare = isinstance(error, ModuleNotFoundError) and error.name
    return ('; dequity doctor says what is installed, README how to install '
            'the rest') if bare else ''


def _last_word(line: str) -> None:
    # in a pipe, what was printed before would come after it
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    print(line, file=sys.stderr)
