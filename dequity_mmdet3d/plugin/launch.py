"""Runs the host's own command line tools, mended for this machine."""
import runpy
import sys

import torch

from dequity_mmdet3d import __version__

from .compat import mend_host
from .convert import host_tools


def run_host_tool(name):
    """Run a tool of the installed host as if it had been called itself.

    Its flags, its log and its exit status are the host's; before it starts
    the plugin is registered, so that configs need no ``custom_imports``, and
    the host is mended.

    Args:
        name (str): File name in the host's ``tools``, such as 'train.py'.
    """
    if '--version' in sys.argv[1:]:
        import mmdet3d
        print(f'dequity_mmdet3d {__version__}, mmdet3d {mmdet3d.__version__}')
        return
    if '--amp' in sys.argv[1:] and not torch.cuda.is_available():
        raise ValueError('--amp needs a GPU (mmengine trains with mixed '
                         'precision there only); leave it out')
    mend_host()
    runpy.run_path(str(host_tools() / name), run_name='__main__')
