"""The annotated objects of a config's samples."""
from ...sample_ids import sample_id_of
from . import host_config


def instances_of(path, cfg_options=None, split='train'):
    """The annotated objects of every sample, as the info files have them.

    Args:
        path, cfg_options, split: See
            :func:`.host_config.samples_from_config`.

    Returns:
        dict[str, list[dict]]: By sample id.

    Raises:
        See :func:`.host_config.samples_from_config`.
    """
    return {
        sample_id_of(info, host_config._points_folder(base)):
        list(info.get('instances') or ())
        for base in host_config._bases_of_split(path, cfg_options, split)[0]
        for info in host_config._training_infos(base, path)[0]}
