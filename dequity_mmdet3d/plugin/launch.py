"""Runs MMDetection3D's own command line tools, mended for this machine."""
import errno
import importlib.util
import sys
from pathlib import Path
from pickle import UnpicklingError

import torch

from dequity_mmdet3d import __version__
from dequity_mmdet3d.config_files import (
    check_config_file,
    mend_config_reading,
    read_config,
)
from dequity_mmdet3d.weighted_config import lacks_use
from dequity_mmdet3d.work_dir import mend_last_checkpoint, work_dir_of

from .checkpoints import Foreign, what_is_refused
from .compat import mend_host
from .convert import host_tools
from .info_files import check_info_files

# of the data that a tool takes
SPLITS = {'train.py': ('train', 'val'), 'test.py': ('test', )}
_AGAIN = {'train.py': 'repeat the command with --resume, which goes on from '
          'the last checkpoint', 'test.py': 'repeat the same command'}
_FULL = (errno.ENOSPC, getattr(errno, 'EDQUOT', errno.ENOSPC))


def run_host_tool(name, prepare=None):
    """Run a tool of the installed host as if it had been called itself.

    Its flags, in ``sys.argv``, its log and its exit status are the host's;
    before it starts the plugin is registered, so that configs need no
    ``custom_imports``, and the host is mended.

    Args:
        name (str): File name in the host's ``tools``, of ``SPLITS``.
        prepare (Callable, optional): Changes the tool's parsed arguments, an
            ``argparse.Namespace``, before it runs.

    Raises:
        FileNotFoundError: If the tools, the config or an info file that it
            names are not there.
        ValueError: If the config cannot be read, or a flag cannot work here.
    """
    if '--version' in sys.argv[1:]:
        import mmdet3d
        print(f'dequity_mmdet3d {__version__}, mmdet3d {mmdet3d.__version__}')
        return
    tool = _load(host_tools() / name)
    args = tool.parse_args()
    check_config_file(args.config)
    if getattr(args, 'amp', False) and not torch.cuda.is_available():
        raise ValueError('--amp needs a GPU (mmengine trains with mixed '
                         'precision there only); leave it out')
    config = read_config(args.config, args.cfg_options)
    args.work_dir = work_dir_of(args, config)
    check_info_files(config, SPLITS[name])
    if name == 'train.py' and lacks_use(config):
        print(f'warning: {args.config} has a DequityDataset, but neither a '
              'DequityHook nor a DequitySampler, so nothing is weighted; add '
              "default_hooks = dict(dequity=dict(type='DequityHook'))",
              file=sys.stderr)
    if prepare is not None:
        prepare(args)
    mend_config_reading()
    mend_host()
    if name == 'train.py' and _goes_on(args.resume, config):
        # each of several processes, to the same end: none trains before all
        # of them have begun
        mend_last_checkpoint(Path(args.work_dir))
    tool.parse_args = lambda: args
    try:
        tool.main()
    except OSError as e:
        if e.errno not in _FULL:
            raise
        raise OSError(
            f'{e.filename or args.work_dir}: {e.strerror}; what was written '
            'before is whole: free some space, then ' + _AGAIN[name]) from e
    except (UnpicklingError, Foreign) as e:
        raise ValueError(
            f'{_loaded(args, config)} is refused: {what_is_refused(e)}; '
            'loading it could run code, so have it from whom you trust, as '
            'a file of mmengine') from e


def _loaded(args, config):
    """The checkpoint that a tool began with, as far as it was named."""
    named = (getattr(args, 'checkpoint', None)
             or getattr(args, 'resume', None) or config.get('load_from'))
    return named if isinstance(named, str) and named != 'auto' else (
        f'the last checkpoint of {args.work_dir}')


def _goes_on(resume, config):
    """Whether a training takes the checkpoint that its folder names."""
    return resume == 'auto' or (resume is None and config.get('resume')
                                and not config.get('load_from'))


def _load(path):
    spec = importlib.util.spec_from_file_location(f'mmdet3d_{path.stem}', path)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool
