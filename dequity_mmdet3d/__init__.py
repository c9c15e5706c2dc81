"""Make MMDetection3D training pay attention to scenes that look rare.

Importing the package loads nothing heavy: ``dequity_mmdet3d.plugin``
registers the training half in MMDetection3D, ``dequity_mmdet3d.likelihood``
is the offline half. Where docstrings speak of the host, they mean
MMDetection3D, into which this package plugs.
"""
from .config_files import base

__version__ = '0.2.0.dev0'

__all__ = ['base']
