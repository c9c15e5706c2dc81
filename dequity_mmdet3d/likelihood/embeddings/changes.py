"""Why embeddings of an earlier run are not taken."""
from ...json_files import read_json

FORMAT = 2
_WORDS = dict(weights_sha256='weights', batch_size='batch size',
              dtype='embedding dtype')


def what_changed(identity, folder):
    """In what the nearest of the earlier runs was another.

    Args:
        identity (dict): Of this run, see :func:`.identity.identity_of`.
        folder (Path): Of this run; those of the others lie beside it.

    Returns:
        str | None: For people; None if there was no earlier run.
    """
    nearest = None
    for other in sorted(folder.parent.glob('*/identity.json')):
        if other.parent == folder:
            continue
        try:
            old = read_json(other)
            # those of format 1 were also of one list of images
            changed = [k for k in identity if old.get(k) != identity[k]]
            changed += [k for k in ('features', ) if k in old
                        and k not in identity]
            older = old.get('format') == 1
        except (OSError, ValueError, TypeError, AttributeError):
            continue  # not ours, or damaged
        if nearest is None or len(changed) < len(nearest[0]):
            nearest = changed, other.parent, older
    if nearest is None:
        return None
    changed, other, older = nearest
    if older:
        return (f'what is in {other} was written by an earlier version, '
                'whose files this one does not read; you may delete that '
                'folder')
    what = ', '.join(_WORDS.get(k, k) for k in changed)
    return f'what is in {other} was made with another {what}'
