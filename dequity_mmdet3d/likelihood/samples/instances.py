"""The annotated objects of a config's samples."""
from collections import Counter

from ...sample_ids import sample_id_of
from .host_config import bases_of_split, points_folder, training_infos


def object_counts(path, cfg_options=None, split='train'):
    """Annotated objects of every sample, by class.

    Args:
        path, cfg_options, split: See
            :func:`.host_config.samples_from_config`.

    Returns:
        dict[str, dict[str, int]]: By sample id, the number of objects by
        class name, see :class:`ClassNames`.

    Raises:
        See :func:`.host_config.samples_from_config`.
    """
    return counts_in(bases_of_split(path, cfg_options, split)[0], path)


def counts_in(bases, path):
    """As :func:`object_counts`, of a config that is read.

    Args:
        bases (list[dict]): Its inmost data sets.
        path (str | Path): Where it stands, for errors.

    Returns:
        dict[str, dict[str, int]]: By sample id and class name.
    """
    counts = {}
    for base in bases:
        infos, metainfo, _ = training_infos(base, path)
        counts.update(counts_of(infos, metainfo, base))
    return counts


def counts_of(infos, metainfo, base):
    """As :func:`object_counts`, of the entries of one info file.

    Args:
        infos (list[dict]): Entries of ``data_list``.
        metainfo (dict): With them.
        base (dict): The dataset's config.

    Returns:
        dict[str, dict[str, int]]: By sample id and class name.
    """
    names = ClassNames(metainfo, base)
    return {
        sample_id_of(info, points_folder(base)): dict(Counter(
            name for instance in info.get('instances') or ()
            if (name := names.of(instance)) is not None))
        for info in infos}


class ClassNames:
    """The classes of a data set that a config trains.

    Args:
        metainfo (dict): Of the info file.
        base (dict): The dataset's config; all classes are trained unless
            its ``metainfo`` names them.
    """

    def __init__(self, metainfo: dict, base: dict):
        trained = (base.get('metainfo') or {}).get('classes')
        self._names = {
            label: name
            for name, label in (metainfo.get('categories') or {}).items()
            if not trained or name in trained
        }

    def of(self, instance: dict) -> str | None:
        """The class of an annotated object.

        Args:
            instance (dict): Of the info file.

        Returns:
            str: None where it is to be ignored or not trained.
        """
        return None if is_ignored(instance) else self._names.get(
            _label(instance))


def is_ignored(instance):
    """bool: Whether an annotation is no object (KITTI's DontCare)."""
    return _label(instance) < 0


def _label(instance):
    return instance.get('bbox_label_3d', instance.get('bbox_label', -1))
