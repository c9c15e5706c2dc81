"""Where the parts of this package are registered."""
from __future__ import annotations

from collections.abc import Callable

from mmengine.registry import Registry


def register(registry: Registry) -> Callable[[type], type]:
    """Register a class in a registry of MMDetection3D's and in its root.

    A name without a scope is looked for in the registry of the config's
    ``default_scope``, and then in mmengine's root: so configs of MMDetection
    (``default_scope = 'mmdet'``) and of a project's own scope find it, too,
    and ``mmdet3d.NAME`` stays a name of it.

    Args:
        registry (Registry): Of ``mmdet3d.registry``.

    Returns:
        Callable: A decorator of classes.
    """

    def decorate(cls: type) -> type:
        registry.register_module(module=cls)
        registry.parent.register_module(module=cls)
        return cls

    return decorate
