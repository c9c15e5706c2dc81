"""What some families of detectors do beside the convention.

Each of :data:`FAMILIES` takes a module and yields its methods that are
boundaries, with what differs there from a plain ``loss_by_feat``.

Shape letters: B samples, R rows (RoIs, points, voxels of all samples).
"""
import contextlib
import inspect

import torch

from ..weighting.values import scale_elements

BY_CONVENTION = 'loss_by_feat'
ROWS = '_dequity_rows'
SEGMENTATION_HEADS = ('ForegroundSegmentationHead', 'PointwiseSemanticHead')
# Losses that are no sum over the samples of a batch: the union of all their
# points, or how many elements are as hard.
COUPLING_LOSSES = ('LovaszLoss', 'GHMC', 'GHMR')
# Heads that couple samples by themselves: terms, by class.
COUPLING_HEADS = {'FreeAnchor3DHead': ('negative_bag_loss', )}


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
    if 'rois' in parameters_of(getattr(module, 'loss', None)):
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


def anchor_heads(module):
    """Heads whose targets carry a weight for each element of their losses."""
    if is_a(module, 'Anchor3DHead'):
        yield BY_CONVENTION, dict(elements=_anchor_elements)


def losses_beside_classifier(module):
    """TPVFormer: one method has the classifier and calls the loss modules.

    Rows of all samples in one tensor, (R, C), go into these.
    """
    if is_a(module, 'TPVFormerDecoder'):
        for name in ('loss_ce', 'loss_lovasz'):
            yield f'{name}.forward', {}


FAMILIES = (any_head, anchor_heads, primitive_refinement, roi_box_heads,
            point_segmentation_heads, auxiliary_points,
            losses_beside_classifier)


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


def parameters_of(method):
    """Names of a method's arguments; none for what is no method."""
    return inspect.signature(method).parameters if (
        inspect.ismethod(method)) else {}


def couples(module):
    """Whether a loss module is no sum over samples, as far as is known."""
    return is_a(module, *COUPLING_LOSSES) and not getattr(
        module, 'per_sample', False)


def coupled_terms(module):
    """Names of the terms in which a head couples samples by itself."""
    return {term for name, terms in COUPLING_HEADS.items()
            if is_a(module, name) for term in terms}


@contextlib.contextmanager
def _anchor_elements(head, factors):
    """Anchor heads: element weights come with the targets, level by level.

    Args:
        head (nn.Module): An Anchor3DHead.
        factors (Tensor): (B,), see :func:`.values.ones`.
    """
    stock = head.anchor_target_3d

    def anchor_target_3d(*args, **kwargs):
        targets = stock(*args, **kwargs)
        if targets is None:
            return None
        # labels, boxes and directions, each followed by its weights, which
        # are (B, anchors) or (B, anchors, code) a level; then two counts
        return tuple(
            [scale_elements(level, factors) for level in target]
            if i in (1, 3, 5) else target for i, target in enumerate(targets))

    head.__dict__['anchor_target_3d'] = anchor_target_3d
    try:
        yield
    finally:
        del head.__dict__['anchor_target_3d']
