"""What the command-line tools share: how a user's mistake ends a run."""
import os
import sys

# The house raises these on purpose, with advice. Anything else is a bug of
# ours, whose traceback is worth more than a clean line.
USER_ERRORS = (ValueError, TypeError, KeyError, OSError, ImportError)


def yield_cores():
    """Let the threads of torch sleep while they wait for each other.

    By default they spin. On a machine without a GPU the data loader's
    workers want the same cores, and a training step then took 3.0 s in
    place of 1.1 s (two cores, both busy). Call it before torch is imported;
    a setting of the user's stays.
    """
    os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')


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


def run_cli(main):
    """Call ``main`` and turn what it raises into an exit status.

    Args:
        main (Callable[[], int | None]): The tool. None means 0.

    Returns:
        int: What ``main`` returned; 1 after a user's mistake, with
        ``error: ...`` on standard error; 130 after Ctrl-C. Any other
        exception passes. With ``DEQUITY_TRACEBACK=1`` in the environment
        the traceback of a mistake is shown too.

    Example:
        >>> run_cli(lambda: None)
        0
    """
    try:
        status = main()
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        return 130
    except USER_ERRORS as e:
        if os.environ.get('DEQUITY_TRACEBACK') == '1':
            raise
        print(f'error: {error_line(e)}', file=sys.stderr)
        return 1
    return 0 if status is None else status
