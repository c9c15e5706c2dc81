"""Where the predictions of a detector enter its losses.

At such a boundary every prediction still belongs to one sample. The heads of
MMDetection and MMDetection3D have one by convention: the method
``loss_by_feat``. What some families do beside it stands in :mod:`.families`.

Shape letters: B samples, R rows (RoIs, points, voxels of all samples).
"""
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import nn

from .families import FAMILIES, parameters_of

# what the methods of detectors and heads call themselves and their samples
ENTRIES = ('loss', 'loss_and_predict')
DATA_SAMPLES = ('batch_data_samples', 'data_samples')


@dataclass(frozen=True)
class Boundary:
    """A method that takes predictions and returns a dict of losses.

    Args:
        name (str): As a user writes it, 'bbox_head.loss_by_feat'.
        module (nn.Module): Whose method it is.
        method (str): Its name.
        rows (Callable, optional): For predictions of all samples in one
            tensor: from (module, arguments, tensor, B) to the (R,) sample
            numbers of its rows. None: predictions have an axis of size B, or
            their rows are told apart by what is measured before training.
        equal (bool): Whether rows are first looked for, and may be equally
            many a sample where nothing tells how many.
        elements (Callable, optional): From (module, (B,) factors) to a
            context in which the elements of a sample's losses are multiplied
            by its factor.
        inside (Callable, optional): From (module, weights) to a context in
            which the method runs.
    """
    name: str
    module: nn.Module
    method: str
    rows: Callable | None = None
    equal: bool = False
    elements: Callable | None = None
    inside: Callable = lambda module, weights: contextlib.nullcontext()

    @property
    def owner(self) -> str:
        """str: Name of the module, '' for the detector itself."""
        return self.name.rpartition('.')[0]


def find_boundaries(model, extra=None):
    """All boundaries of a detector.

    Args:
        model (nn.Module): A detector, unwrapped.
        extra (dict[str, str | None], optional): Further ones of a user's
            own modules: the method's name, 'depth_net.get_depth_loss', to
            None (its predictions have an axis of size B) or 'rows' (they
            are (R, ...), and what a sample has is measured before training,
            see :mod:`.rows`). They count more than what is known of such a
            method.

    Returns:
        list[Boundary]: In the order of the modules.

    Raises:
        ValueError: If ``extra`` names no method, or there is none at all.
    """
    found = {}
    modules = dict(model.named_modules())
    for name, module in modules.items():
        for rule in FAMILIES:
            for method, details in rule(module):
                full = f'{name}.{method}'.lstrip('.')
                found[full] = Boundary(full, module, method, **details)
    for name, layout in (extra or {}).items():
        owner, _, method = name.rpartition('.')
        module = modules.get(owner)
        if not callable(getattr(module, method, None)):
            raise ValueError(
                f'boundaries of DequityLoss names {name!r}, but the '
                f'{type(model).__name__} has no such method; give '
                "'module.submodule.method' as in model.named_modules()")
        if layout not in (None, 'rows'):
            raise ValueError(
                f'boundaries[{name!r}] of DequityLoss must be None or '
                f"'rows', but got {layout!r}")
        found[name] = replace(
            found.get(name, Boundary(name, module, method)),
            rows=None, equal=layout == 'rows')
    if not found:
        raise ValueError(
            'DequityLoss weights predictions where they enter a method '
            f'loss_by_feat, and {type(model).__name__} has none; name the '
            'methods that take predictions and return losses with '
            "DequityHook(loss=dict(type='DequityLoss', boundaries="
            "{'module.method': None})), or leave default_hooks.dequity out")
    return list(found.values())


def find_entries(model):
    """Methods of a detector and its heads that get the data samples.

    Returns:
        list[tuple[nn.Module, str, tuple[str, int]]]: Module, method, and
        the name and position of that argument.
    """
    return [(module, method, position) for module in model.modules()
            for method in ENTRIES
            for position in [_position(getattr(module, method, None))]
            if position is not None]


def _position(method):
    names = list(parameters_of(method))
    return next(((name, names.index(name))
                 for name in DATA_SAMPLES if name in names), None)
