"""Why embeddings of an earlier run are not taken."""
from ...json_files import read_json

_WORDS = dict(
    images='number of images', images_sha256='list of images',
    weights_sha256='weights', batch_size='batch size',
    shard_size='shard size', dtype='embedding dtype')


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
            changed = [
                k for k in {**identity, **old}
                if k != 'first_image' and old.get(k) != identity.get(k)
            ]
        except (OSError, ValueError, TypeError, AttributeError):
            continue  # not ours, or damaged
        if nearest is None or len(changed) < len(nearest[0]):
            nearest = changed, other.parent
    if nearest is None:
        return None
    what = ', '.join(_WORDS.get(k, k) for k in nearest[0])
    return f'what is in {nearest[1]} was made with another {what}'
