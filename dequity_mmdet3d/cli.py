"""What the command-line tools share: how a user's mistake ends a run."""
import ctypes
import os
import sys

# glibc, malloc.h
M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8

# The house raises these on purpose, with advice.
USER_ERRORS = (ValueError, TypeError, KeyError)
# These tell of the user's machine whoever raises them.
MACHINE_ERRORS = (OSError, ImportError)


def tune_for_cpu(threads=False):
    """Let torch share two cores and keep its memory. Call it before torch.

    Threads of GNU's OpenMP spin while they wait for each other, by default
    long enough to keep the data loader's workers off their cores. Measured
    on two cores, a training step of the small PointPillars:

    ================  ==========  ==================
    spin count        cores free  one core taken
    ================  ==========  ==================
    300,000 (stock)   0.22 s      2.5 to 3.4 s
    30,000            0.19 s      1.5 s
    3,000             0.21 s      0.6 to 0.75 s
    0                 0.27 s      0.4 to 0.5 s
    ================  ==========  ==================

    And where every large tensor came fresh from the system, encoding 100
    images ran at 15.5 images/s; at 27.6 where freed memory stayed with the
    process. Settings of the user's stay as they are. The second part does
    nothing where the C library is not glibc.

    Args:
        threads (bool): Whether several threads will run networks of their
            own. They then share one pool of memory: glibc's pools for single
            threads end at 64 MB, beyond which every tensor came fresh again
            (two threads, batches of 32: 36 to 58 images/s against 80).
    """
    if 'OMP_WAIT_POLICY' not in os.environ:
        os.environ.setdefault('GOMP_SPINCOUNT', '3000')
    mallopt = getattr(
        ctypes.CDLL(None), 'mallopt', None) if os.name == 'posix' else None
    if mallopt is not None and not any(
            name.startswith(('MALLOC_', 'GLIBC_TUNABLES'))
            for name in os.environ):
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
        if threads:
            mallopt(M_ARENA_MAX, 1)


def error_line(error):
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


def is_users_mistake(error):
    """Whether one line tells a user more than a traceback.

    Args:
        error (BaseException): As caught, with its traceback.

    Returns:
        bool: True for what this package raised on purpose and for what the
        machine refused; False for a bug, of ours or of the host.
    """
    if isinstance(error, MACHINE_ERRORS):
        return True
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    module = frame.tb_frame.f_globals.get('__name__', '') if frame else ''
    return isinstance(error, USER_ERRORS) and module.split('.')[0] in (
        'dequity_mmdet3d', '__main__')


def run_cli(main, again='repeat the same command'):
    """Call ``main`` and turn what it raises into an exit status.

    Args:
        main (Callable[[], int | None]): The tool. None means 0.
        again (str): What to do after Ctrl-C.

    Returns:
        int: What ``main`` returned; 1 after a user's mistake, with
        ``error: ...`` on standard error; 130 after Ctrl-C. Any other
        exception passes, as does everything with ``DEQUITY_TRACEBACK=1`` in
        the environment.

    Example:
        >>> run_cli(lambda: None)
        0
    """
    try:
        status = main()
    except KeyboardInterrupt:
        print(f'interrupted; {again}', file=sys.stderr)
        return 130
    except (*USER_ERRORS, *MACHINE_ERRORS) as e:
        if os.environ.get('DEQUITY_TRACEBACK') == '1' or not (
                is_users_mistake(e)):
            raise
        print(f'error: {error_line(e)}', file=sys.stderr)
        return 1
    return 0 if status is None else status
