"""Where the parts of this package are registered."""
from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from mmengine.registry import Registry

T = TypeVar('T', bound=Callable)


def register(registry: Registry) -> Callable[[T], T]:
    """Register a part in a registry of MMDetection3D's and in its root.

    A name without a scope is looked for in the registry of the config's
    ``default_scope``, and then in mmengine's root: so configs of MMDetection
    (``default_scope = 'mmdet'``) and of a project's own scope find it, too,
    and ``mmdet3d.NAME`` stays a name of it.

    Args:
        registry (Registry): Of ``mmdet3d.registry``.

    Returns:
        Callable: A decorator of classes and of functions that make one.
    """

    def decorate(part: T) -> T:
        registry.register_module(module=part)
        registry.parent.register_module(module=part)
        return part

    return decorate
