"""The training half: importing it registers everything in MMDetection3D.

.. code-block:: python

    custom_imports = dict(imports=['dequity_mmdet3d.plugin'])

or ``type='dequity_mmdet3d.plugin.DequityDataset'`` where a config's
``custom_imports`` is taken already. Importing changes nothing of
MMDetection3D itself: what must be mended in it for this machine is, when a
part of this package is built; see :mod:`.compat`.
"""
from .compat import host_mends, mend_host
from .dataset import DequityDataset
from .evaluation import (
    DequityKittiMetric,
    DequityMetric,
    DequityNuScenesMetric,
)
from .hook import DequityHook
from .loss import DequityLoss
from .probe import DequityProbe
from .sampler import DequitySampler

__all__ = [
    'DequityDataset', 'DequityHook', 'DequityKittiMetric', 'DequityLoss',
    'DequityMetric', 'DequityNuScenesMetric', 'DequityProbe',
    'DequitySampler', 'host_mends', 'mend_host'
]
