"""What numba compiles for the host: once on a machine, not in every process.

Upstream's augmentation and KITTI evaluation are compiled when they are first
called, by every training, every test and every worker of a data loader:
about 9 s of one core for a training that is evaluated. numba can keep
the machine code in files and read it the next time; it does so where a
function asks for it, and upstream's do not.

The files lie where numba puts them: in ``NUMBA_CACHE_DIR``, else in the
``__pycache__`` beside the source, else in the user's folder of caches. They
are made anew when the source, numba or the kind of processor is another.
"""
import importlib
from typing import Any

from numba.core.caching import FunctionCache
from numba.core.dispatcher import Dispatcher
from numba.core.sigutils import normalize_signature

MODULES = (
    'mmdet3d.datasets.transforms.data_augment_utils',
    'mmdet3d.evaluation.functional.kitti_utils.eval',
    'mmdet3d.models.layers.box3d_nms',
    'mmdet3d.models.task_modules.voxel.voxel_generator',
    'mmdet3d.structures.ops.box_np_ops',
    'dequity_mmdet3d.plugin.evaluation.rotated_iou',
)


class KeptCode(FunctionCache):
    """numba's files of a function, none of which stops a training."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Read what was compiled for these types, or None."""
        try:
            found = super().load_overload(sig, target_context)
        except Exception:  # whatever numba makes of a damaged file
            return None
        # Of two processes that compile a function at the same time, for
        # other types each, one may have written over the other's file.
        if found and found.signature.args != normalize_signature(sig)[0]:
            return None
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        """Write what was compiled, where that is possible."""
        try:
            super().save_overload(sig, data)
        except Exception:  # a full disk, or a damaged file to be added to
            pass  # it is compiled, only not kept


def can_be_kept():
    """bool: Whether numba compiles them here, and has a place for files."""
    functions = _compiled(MODULES)
    try:
        for function in functions:
            KeptCode(function.py_func)
    except RuntimeError:  # numba: no locator available
        return False
    return bool(functions)


def are_kept():
    """bool: Whether all of them are kept and read in this process."""
    return all(function.stats.cache_path for function in _compiled(MODULES))


def keep(modules=MODULES):
    """Keep the machine code of all functions that numba compiles in modules.

    It is the code that would be compiled, bit for bit. What is compiled
    already in this process stays as it is.

    Args:
        modules (Sequence[str]): Names of modules.
    """
    for function in _compiled(modules):
        if not function.stats.cache_path:
            function._cache = KeptCode(function.py_func)


def _compiled(modules):
    return [value for name in modules
            for value in vars(importlib.import_module(name)).values()
            if isinstance(value, Dispatcher)]
