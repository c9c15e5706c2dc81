"""Where the predictions of a detector enter its losses.

At such a boundary every prediction still belongs to one sample. The heads of
MMDetection and MMDetection3D have one by convention: the method
``loss_by_feat``. What some families do beside it stands here and nowhere
else: :data:`FAMILIES`.

Shape letters: B samples, R rows (RoIs, points, voxels of all samples).
"""
import contextlib
import inspect
from dataclasses import dataclass, replace
from typing import Callable, Optional

import torch
from torch import nn

BY_CONVENTION = 'loss_by_feat'
# what the methods of detectors and heads call themselves and their samples
ENTRIES = ('loss', 'loss_and_predict')
DATA_SAMPLES = ('batch_data_samples', 'data_samples')
ROWS = '_dequity_rows'
SEGMENTATION_HEADS = ('ForegroundSegmentationHead', 'PointwiseSemanticHead')


@dataclass(frozen=True)
class Boundary:
    """A method that takes predictions and returns a dict of losses.

    Args:
        name (str): As a user writes it, 'bbox_head.loss_by_feat'.
        module (nn.Module): Whose method it is.
        method (str): Its name.
        rows (Callable, optional): For predictions of all samples in one
            tensor: from (module, arguments, tensor, B) to the (R,) sample
            numbers of its rows. None: predictions have an axis of size B.
        inside (Callable, optional): From (module, weights) to a context in
            which the method runs.
    """
    name: str
    module: nn.Module
    method: str
    rows: Optional[Callable] = None
    inside: Callable = lambda module, weights: contextlib.nullcontext()

    @property
    def owner(self):
        """str: Name of the module, '' for the detector itself."""
        return self.name.rpartition('.')[0]


def find_boundaries(model, extra=None):
    """All boundaries of a detector.

    Args:
        model (nn.Module): A detector, unwrapped.
        extra (dict[str, str | None], optional): Further ones of a user's
            own modules: the method's name, 'depth_net.get_depth_loss', to
            None (its predictions have an axis of size B) or 'rows' (they
            are (B * k, ...), the k rows of a sample one after another).
            They count more than what is known of such a method.

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
            rows=equal_rows if layout == 'rows' else None)
    if not found:
        raise ValueError(
            'DequityLoss weighs predictions where they enter a method '
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
    names = list(_parameters(method))
    return next(((name, names.index(name))
                 for name in DATA_SAMPLES if name in names), None)


def _parameters(method):
    """Names of a method's arguments; none for what is no method."""
    return inspect.signature(method).parameters if (
        inspect.ismethod(method)) else {}


def equal_rows(module, arguments, x, b):
    """As many rows a sample, one sample after another."""
    return torch.arange(b, device=x.device).repeat_interleave(len(x) // b)


# The families --------------------------------------------------------------


def any_head(module):
    """Dense heads, query heads, vote heads, ...: the convention."""
    if hasattr(module, BY_CONVENTION):
        inside = (_shared_depth_fusion
                  if hasattr(module, 'fuse_lambda') else None)
        yield BY_CONVENTION, dict(inside=inside) if inside else {}


def primitive_refinement(module):
    """H3DNet: a second method beside ``loss_by_feat``."""
    if hasattr(module, 'get_proposal_stage_loss'):
        yield 'get_proposal_stage_loss', {}


def roi_box_heads(module):
    """Second stages: (R, ...) predictions, ``rois[:, 0]`` the sample."""
    if 'rois' in _parameters(getattr(module, 'loss', None)):
        yield 'loss', dict(rows=sample_of_roi)


def sample_of_roi(module, arguments, x, b):
    """RoIs are (R, 1 + 7)."""
    return arguments['rois'][:, 0]


def point_segmentation_heads(module):
    """PV-RCNN's keypoints, PartA2's voxels: (R, ...) predictions.

    Their ``loss`` sees no coordinates, but ``get_targets`` just before it
    does, see :func:`watched`.
    """
    if is_a(module, *SEGMENTATION_HEADS):
        yield 'loss', dict(rows=sample_of_segmented_point)


def sample_of_segmented_point(module, arguments, x, b):
    """As ``get_targets`` saw it, see :func:`watched`."""
    return module.__dict__[ROWS]


def auxiliary_points(module):
    """SA-SSD's auxiliary network: (R, ...), ``points[:, 0]`` the sample."""
    if is_a(module, 'SparseEncoderSASSD'):
        yield 'aux_loss', dict(rows=sample_of_point)


def sample_of_point(module, arguments, x, b):
    """Points are (R, 1 + 3)."""
    return arguments['points'][:, 0]


FAMILIES = (any_head, primitive_refinement, roi_box_heads,
            point_segmentation_heads, auxiliary_points)


def watched(module):
    """Methods that tell which sample rows belong to.

    Yields:
        tuple[str, Callable]: Name, and a function from its first argument
        to the (R,) sample numbers that :data:`ROWS` of the module becomes.
    """
    if is_a(module, *SEGMENTATION_HEADS):
        yield 'get_targets', _sample_of_points


def _sample_of_points(points):
    """Of (R, 4) points, or of voxels, a dict with (R, 4) ``coors``."""
    return (points['coors'] if isinstance(points, dict) else points)[:, 0]


@contextlib.contextmanager
def _shared_depth_fusion(head, weights):
    """PGD: one parameter inside the loss, ``fuse_lambda``, for all samples.

    Expanded to one value a positive, its gradient can be weighted by
    sample. The positives come level by level, in a level by sample.
    """
    stock = head.get_pos_predictions

    def get_pos_predictions(bbox_preds, *args, **kwargs):
        bound = inspect.signature(stock).bind(bbox_preds, *args, **kwargs)
        positives = bound.arguments['pos_inds']
        shared = head._parameters['fuse_lambda']
        samples = torch.cat([
            torch.arange(len(level), device=level.device).repeat_interleave(
                level.shape[-2:].numel()) for level in bbox_preds
        ])[positives]
        # Without positives the host multiplies it by an empty sum; and for
        # equal weights the stock bits, as the sigmoids of one number and of
        # many may differ in the last.
        one = not len(positives) or len(set(weights.values)) == 1
        # shadows the parameter of this name, which stays where it is
        head.__dict__['fuse_lambda'] = (
            weights.scale_sample(shared, 0) if one else weights.scale_rows(
                shared.expand(len(positives)), samples))
        return stock(bbox_preds, *args, **kwargs)

    head.__dict__['get_pos_predictions'] = get_pos_predictions
    try:
        yield
    finally:
        head.__dict__.pop('get_pos_predictions')
        head.__dict__.pop('fuse_lambda', None)


def is_a(module, *names):
    """Whether a class of one of these names is among the module's."""
    return any(c.__name__ in names for c in type(module).__mro__)
