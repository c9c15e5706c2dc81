"""MMDetection3D's own converters, found and run where they are installed."""
import importlib
import os
import sys
import types
from contextlib import contextmanager
from pathlib import Path

import mmdet3d
from mmdet3d.utils import register_all_modules

from dequity_mmdet3d.temporary_file import temporary_folder
from dequity_mmdet3d.whole_file import real_target

CONVERTERS = 'mmdet3d_dataset_converters'  # our name for the host's package


def host_tools():
    """Folder of the installed host's own tools.

    Raises:
        FileNotFoundError: If this installation does not bring them.
    """
    tools = Path(mmdet3d.__file__).parent / '.mim' / 'tools'
    if not tools.is_dir():  # an editable install of a clone
        tools = Path(mmdet3d.__file__).parent.parent / 'tools'
    if not (tools / 'train.py').is_file():
        raise FileNotFoundError(
            'expected the tools of MMDetection3D in mmdet3d/.mim/tools, '
            f'found none (mmdet3d {mmdet3d.__version__}); install mmdet3d '
            'from its wheel or from a full clone')
    return tools


def converter(name):
    """A module of the host's ``tools/dataset_converters``.

    Not imported as ``tools.dataset_converters``, because any other package
    ``tools`` on the path would hide it.
    """
    if CONVERTERS not in sys.modules:
        package = types.ModuleType(CONVERTERS)
        package.__path__ = [str(host_tools() / 'dataset_converters')]
        sys.modules[CONVERTERS] = package
    return importlib.import_module(f'{CONVERTERS}.{name}')


@contextmanager
def work_folders(out_dir):
    """Two folders beside the result, for the infos before and after."""
    out_dir.mkdir(parents=True, exist_ok=True)
    with temporary_folder(out_dir) as folder:
        first, second = folder / 'v1', folder / 'v2'
        first.mkdir()
        second.mkdir()
        yield first, second


def finish(folder, out_dir, names):
    """Move files, in this order, to where they belong.

    Raises:
        UnwritableFile: If a folder, a device or a pipe is there; then none
            is moved.
    """
    for name in names:
        real_target(out_dir / name)
    for name in names:
        os.replace(folder / name, out_dir / name)
    return [str(out_dir / name) for name in names]


def database(dataset_type, root, folder, prefix, infos):
    """Ground-truth database of an info file, for ``ObjectSample``.

    Its own file comes to lie in ``folder``; the points of its objects in
    ``root/PREFIX_gt_database``.
    """
    register_all_modules(init_default_scope=True)
    name = f'{prefix}_dbinfos_train.pkl'
    converter('create_gt_database').create_groundtruth_database(
        dataset_type,
        str(root),
        prefix,
        str(infos),
        db_info_save_path=str(folder / name))
    return name
