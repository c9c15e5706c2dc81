"""Config files: those of this package, and mmengine's way of reading them."""
from __future__ import annotations

import argparse
import functools
import importlib
import importlib.metadata
import importlib.util
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGE = __package__
FOLDER = Path(__file__).parent / 'configs'
# Modules of mmengine that hold the two functions under their own name.
_HOLDERS = ('mmengine.utils.package_utils', 'mmengine.utils',
            'mmengine.config.config', 'mmengine.hub.hub')


def base(name: str) -> str:
    """Where a config of this package lies, for the ``_base_`` of another.

    Args:
        name (str): Such as 'equity.py'.

    Returns:
        str: Its absolute path.

    Raises:
        FileNotFoundError: If there is no such config.

    Example:
        In a config that any train.py of MMDetection3D reads::

            _base_ = [
                'your.py', __import__('dequity_mmdet3d').base('equity.py')
            ]
    """
    path = FOLDER / name
    if not path.is_file():
        known = ', '.join(sorted(p.name for p in FOLDER.glob('*.py')))
        raise FileNotFoundError(f'{PACKAGE} has no config {name!r}; it has '
                                f'{known or "none"}')
    return str(path)


def check_config_file(path: str | Path) -> None:
    """Raise FileNotFoundError, with the path, unless there is such a file."""
    if not Path(path).is_file():
        raise FileNotFoundError(f'there is no config file {path} (looked from '
                                f'{Path.cwd()}); correct the path')


def check_first_argument(argv: Sequence[str]) -> None:
    """Check a config that a tool of MMDetection3D is given first.

    Which argument is the config only that tool knows, whose import takes
    seconds; but what stands before all flags is.

    Args:
        argv (Sequence[str]): Arguments of ``train.py`` or ``test.py``.

    Raises:
        FileNotFoundError: If the first one is no flag, and there is no such
            file.
    """
    if argv and not argv[0].startswith('-'):
        check_config_file(argv[0])


def read_config(path: str | Path, cfg_options: Any = None) -> Any:
    """Read a config file, of either style, without importing what it names.

    Args:
        path (str | Path): A config of MMDetection3D.
        cfg_options (Sequence[str] | dict, optional): ``key=value`` changes,
            in the syntax of its ``--cfg-options``, or parsed ones.

    Returns:
        Config: Of mmengine.

    Raises:
        FileNotFoundError: If the file or one of its bases does not exist.
        ValueError: If it cannot be read as a config, or a change does not
            fit.
        ImportError: If mmengine is not installed.
    """
    check_config_file(path)
    try:
        mend_config_reading()
        from mmengine.config import Config, DictAction
    except ImportError as e:
        raise ImportError(
            f'a config is read by mmengine, which cannot be imported ({e}); '
            'pip install mmengine, or name the images themselves with '
            '--images') from e
    with warnings.catch_warnings():
        # mmengine finds mmdet3d's folder through pkg_resources, which
        # announces its end at every use
        warnings.filterwarnings('ignore', message='pkg_resources')
        try:
            config = Config.fromfile(path, import_custom_modules=False)
        except FileNotFoundError:
            raise
        except Exception as e:  # a config is code, and may raise anything
            raise ValueError(f'{path} cannot be read as a config '
                             f'({type(e).__name__}: {e})') from e
    if not cfg_options:
        return config
    if isinstance(cfg_options, dict):
        changes = cfg_options
        cfg_options = [f'{key}={value}' for key, value in changes.items()]
    else:
        changes = None
    try:
        if changes is None:
            parser = argparse.ArgumentParser()
            parser.add_argument('--cfg-options', nargs='+', action=DictAction)
            changes = parser.parse_args(
                ['--cfg-options', *cfg_options]).cfg_options
        config.merge_from_dict(changes)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as e:
        raise ValueError(f'--cfg-options {" ".join(cfg_options)} does not fit '
                         f'{path} ({e}); correct the key') from e
    return config


def type_name(config: dict) -> str:
    """The name of what a config builds.

    Args:
        config (dict): With a ``type``: a name, the object itself or a lazy
            one.

    Returns:
        str: 'KittiDataset' for 'mmdet3d.KittiDataset' and for the class.
    """
    kind = config.get('type')
    name = kind.__name__ if isinstance(kind, type) else str(kind)
    return name.rpartition('.')[2]


def mend_config_reading() -> list[str]:
    """Let mmengine read configs that stock mmengine cannot read here.

    - Stock mmengine 0.10.7 looks for ``mmdet3d::...`` by pkg_resources, which
      setuptools 82 and newer do not have. Its two functions are replaced
      where that is so.
    - ``dequity_mmdet3d::NAME.py`` in ``_base_`` means a config of this
      package. It is read as if it lay beside the config: mmengine's own
      scheme wants a sub-folder, and a registry of that name.

    May be called any number of times.

    Returns:
        list[str]: What stock mmengine could not do, a line each.

    Raises:
        ImportError: If mmengine is not installed.
    """
    from mmengine.config import Config
    find = Config._get_cfg_path
    if not hasattr(find, '__wrapped__'):
        Config._get_cfg_path = staticmethod(_with_own_configs(find))
    utils = importlib.import_module('mmengine.utils.package_utils')
    if importlib.util.find_spec('pkg_resources') is None:
        _mend_package_utils(utils)
    if utils.is_installed is not is_installed:
        return []
    return ["bases such as 'mmdet3d::...': stock mmengine looks for them by "
            'pkg_resources, which setuptools 82 and newer do not have']


def _with_own_configs(find: Callable) -> Callable:

    @functools.wraps(find)
    def get_cfg_path(cfg_path: str, filename: str) -> tuple:
        package, _, name = cfg_path.partition('::')
        if name and package == PACKAGE:
            return base(name), None
        return find(cfg_path, filename)

    return get_cfg_path


def _mend_package_utils(utils: ModuleType) -> None:
    try:
        utils.is_installed('mmengine')
    except ModuleNotFoundError:  # pkg_resources; the fork does without
        for module in filter(None, map(sys.modules.get, _HOLDERS)):
            for function in (is_installed, get_installed_path):
                if hasattr(module, function.__name__):
                    setattr(module, function.__name__, function)


def is_installed(package: str) -> bool:
    """As mmengine's function of this name, without pkg_resources.

    Args:
        package (str): Of a distribution or a module.

    Returns:
        bool: Whether there is one.
    """
    try:
        importlib.metadata.distribution(package)
        return True
    except importlib.metadata.PackageNotFoundError:
        return _origin(package) is not None


def get_installed_path(package: str) -> str:
    """As mmengine's function of this name, without pkg_resources.

    Args:
        package (str): Of a distribution or a module.

    Returns:
        str: The folder of its module.

    Raises:
        ModuleNotFoundError: If it is not installed, or its module cannot be
            told.
    """
    origin = _origin(package)
    if origin is None:
        # mmsegmentation's module is mmseg
        origin = _origin(_module_of(package))
    if origin is None:
        raise ModuleNotFoundError(
            f'there is no package {package} here; install it')
    return str(Path(origin).parent)


def _origin(module: str) -> str | None:
    spec = importlib.util.find_spec(module) if module.isidentifier() else None
    return spec.origin if spec else None


def _module_of(package: str) -> str:
    try:
        names = importlib.metadata.distribution(package).read_text(
            'top_level.txt')
    except importlib.metadata.PackageNotFoundError:
        names = None
    return (names or '').partition('\n')[0]
