"""Images by their names: which ones a set of embeddings is of."""
import hashlib
import os


def names_digest(paths):
    """SHA-256 of :func:`relative_names`, in their order."""
    digest = hashlib.sha256()
    for name in relative_names(paths):
        digest.update(os.fsencode(name) + b'\0')
    return digest.hexdigest()


def relative_names(paths):
    """The paths relative to the deepest folder that holds them all.

    Args:
        paths (Sequence[str]): Absolute or relative, at least one.

    Yields:
        str: In the same order; as they came where they have no folder in
        common, as on two drives of Windows.
    """
    # there are far fewer folders than paths
    folders = {os.path.dirname(path) for path in paths}
    try:
        root = os.path.commonpath([os.path.abspath(f) for f in folders])
    except ValueError:
        yield from map(str, paths)
        return
    cut = len(root.rstrip(os.sep)) + 1
    for path in paths:
        yield os.path.abspath(path)[cut:]
