"""What a process did while it read a file."""
import contextlib
import os
import sys

try:
    import resource
except ImportError:  # Windows
    resource = None

_MOST = 600 * 2**20  # bytes that reading a small file may add
_CALLS = ('os.system', 'os.exec', 'os.posix_spawn', 'os.spawn', 'os.fork',
          'subprocess.Popen', 'pty.spawn', 'socket.connect', 'os.remove',
          'os.rename', 'os.mkdir', 'os.rmdir', 'os.symlink', 'os.link',
          'shutil.rmtree', 'os.chmod', 'os.putenv')
_seen = None


def _hook(event, args):
    if _seen is None:
        return
    if event in _CALLS:
        _seen.append((event, args))
    elif event == 'open' and isinstance(args[2], int) and args[2] & (
            os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC):
        _seen.append((event, args))


@contextlib.contextmanager
def watched(folder):
    """Fail unless what happens inside writes to ``folder`` alone, runs
    nothing, and takes no more memory than any small file may.
    """
    global _seen
    if not hasattr(watched, 'hooked'):
        sys.addaudithook(_hook)  # for the rest of the process, but deaf
        watched.hooked = True
    before = _peak()
    _seen = []
    try:
        yield
    finally:
        seen, _seen = _seen, None
    root = os.path.realpath(folder) + os.sep
    bad = [(event, args) for event, args in seen
           if not all(os.path.realpath(os.fsdecode(a)).startswith(root)
                      for a in args[:1] if isinstance(a, (str, bytes)))
           or event.startswith(('os.system', 'os.exec', 'subprocess', 'pty',
                                'socket', 'os.fork', 'os.spawn',
                                'os.posix'))]
    assert not bad, bad
    assert _peak() - before < _MOST, f'{_peak() - before} bytes more'


def _peak():
    if resource is None:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
