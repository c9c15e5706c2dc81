"""Info files and ground-truth databases, by MMDetection3D's own converters.

The converters lie in the installed package (``mmdet3d/.mim/tools``) and
expect to be run from a clone of it. Here they write into a folder of their
own first, so that a finished file appears whole or not at all.
"""
from .host import host_tools
from .kitti import convert_kitti
from .nuscenes import convert_nuscenes

__all__ = ['convert_kitti', 'convert_nuscenes', 'host_tools']
