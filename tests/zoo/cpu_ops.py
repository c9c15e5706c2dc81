"""The host's CUDA-only operators in plain PyTorch, for tests on the CPU.

mmcv's wrappers (argument checks, ``autograd.Function`` with its backward)
stay; only the compiled functions below them, which all of them look up in
one module, ``mmcv._ext``, are exchanged. So what is differentiable, and
with respect to what, is as on CUDA.

Shape letters: B samples, N points, M centres or boxes, C channels, S points
per group, R regions of interest, V voxels.
"""
import contextlib
import math

import mmcv._ext
import numpy as np
import torch
from mmcv.ops.furthest_point_sample import FurthestPointSampling
from mmdet.models.losses import FocalLoss

from dequity_mmdet3d.plugin.evaluation.rotated_iou import (
    INTERSECTION,
    rotated_iou,
)

BLOCK = 2**17  # distances at a time, which the cache of a core holds
_FUNCTIONS = {}
_MIRROR = (1, 1, 1, 1, -1)
_stock_focal_loss = FocalLoss.forward
_stock_nms_rotated = mmcv._ext.nms_rotated


@contextlib.contextmanager
def cpu_ops():
    """Let the CUDA-only operators run on CPU tensors inside a ``with``."""
    patches = [(mmcv._ext, name, function)
               for name, function in _FUNCTIONS.items()]
    # The one wrapper that allocates on the GPU itself.
    patches.append((FurthestPointSampling, 'forward',
                    staticmethod(_furthest_point_sampling)))
    # On CUDA, a compiled loss that knows targets below 0.
    patches.append((FocalLoss, 'forward', _focal_loss))
    # Wrappers compare it with ``tensor.get_device()``: -1 on the CPU.
    patches.append((torch.cuda, 'current_device', _cpu_device))
    with contextlib.ExitStack() as stack:
        for owner, name, function in patches:
            stack.callback(setattr, owner, name, vars(owner)[name])
            setattr(owner, name, function)
        yield


def _compiled(function):
    """Register under the name in ``mmcv._ext``; none of them differentiates.

    As in CUDA, results are written into tensors given.
    """
    _FUNCTIONS[function.__name__] = torch.no_grad()(function)
    return _FUNCTIONS[function.__name__]


def _cpu_device():
    return -1


def _square_distances(first, second):
    """(M, D), (N, D) -> (M, N), exactly 0 where two points are equal."""
    total = first.new_zeros((len(first), len(second)))
    difference = torch.empty_like(total)
    for one, other in zip(first.T, second.T.contiguous()):
        torch.sub(one[:, None], other, out=difference)
        total += difference.square_()
    return total


def _rows_of_distances(first, second):
    """Slices of the M points, and their part of the distances (m, N)."""
    rows = max(1, BLOCK // max(1, len(second)))
    for start in range(0, len(first), rows):
        part = slice(start, start + rows)
        yield part, _square_distances(first[part], second)


def _focal_loss(self, pred, target, *args, **kwargs):
    """pred (N, C), target (N,): no class below 0 as from C on."""
    if target.dim() == 1:
        target = torch.where(target < 0, pred.shape[1], target)
    return _stock_focal_loss(self, pred, target, *args, **kwargs)


@_compiled
def sigmoid_focal_loss_forward(pred, target, weight, output, gamma, alpha):
    """pred and output (N, C), target (N,), weight () or by class (C,)."""
    prob = pred.sigmoid()
    tiny = torch.finfo(pred.dtype).tiny
    positive = (1 - prob)**gamma * prob.clamp(min=tiny).log() * alpha
    negative = prob**gamma * (1 - prob).clamp(min=tiny).log() * (1 - alpha)
    _write_focal(output, -positive, -negative, target, weight)


@_compiled
def sigmoid_focal_loss_backward(pred, target, weight, grad, gamma, alpha):
    """The derivative of each loss by its own pred."""
    prob = pred.sigmoid()
    tiny = torch.finfo(pred.dtype).tiny
    log = prob.clamp(min=tiny).log()
    positive = (1 - prob)**gamma * (1 - prob - gamma * prob * log) * alpha
    log = (1 - prob).clamp(min=tiny).log()
    negative = prob**gamma * (gamma *
                              (1 - prob) * log - prob) * (1 - alpha)
    _write_focal(grad, -positive, -negative, target, weight)


def _write_focal(output, positive, negative, target, weight):
    is_class = target[:, None] == torch.arange(output.shape[1])
    output.copy_(torch.where(is_class, positive, negative))
    if weight.numel():
        output.mul_(weight[target][:, None])


# Points: sampling, grouping, interpolation


@torch.no_grad()
def _furthest_point_sampling(ctx, points_xyz, num_points):
    """(B, N, 3) -> (B, num_points) int32, beginning with point 0."""
    output = torch.zeros((len(points_xyz), num_points), dtype=torch.int32)
    for points, chosen in zip(points_xyz.detach().numpy(), output.numpy()):
        axes = np.ascontiguousarray(points.T)

        def distances(index, axes=axes):
            x, y, z = axes - axes[:, index, None]
            return x * x + y * y + z * z

        _choose_furthest(distances, chosen, np.full(len(points), np.inf))
    ctx.mark_non_differentiable(output)
    return output


@_compiled
def furthest_point_sampling_with_dist_forward(dist, temp, output, b, n, m):
    """dist (B, N, N), temp (B, N), output (B, M) int32."""
    for i in range(b):
        _choose_furthest(dist[i].detach().numpy().__getitem__,
                         output[i].numpy(), temp[i].numpy())


def _choose_furthest(distances, chosen, nearest):
    """From index 0 on, what is furthest from all before: chosen (M,).

    distances: of an index to all N; nearest (N,), filled with infinity.
    """
    chosen[0] = 0
    for j in range(1, len(chosen)):
        np.minimum(nearest, distances(chosen[j - 1]), out=nearest)
        chosen[j] = nearest.argmax()


@_compiled
def ball_query_forward(centers, points, output, b, n, m, min_radius,
                       max_radius, nsample):
    """centers (B, M, 3), points (B, N, 3), output (B, M, S) int32."""
    for i in range(b):
        for rows, square in _rows_of_distances(centers[i], points[i]):
            inside = (square == 0) | ((square >= min_radius**2) &
                                      (square < max_radius**2))
            output[i, rows] = _first_inside(inside, nsample, empty=0)


@_compiled
def stack_ball_query_forward(centers, centers_count, points, points_count,
                             output, max_radius, nsample):
    """centers (M1 + M2 ..., 3), points (N1 + N2 ..., 3); indices count from
    the sample's first point, and an empty ball begins with -1."""
    parts = zip(
        centers.split(centers_count.tolist()),
        points.split(points_count.tolist()),
        output.split(centers_count.tolist()))
    for center, point, out in parts:
        for rows, square in _rows_of_distances(center, point):
            inside = square < max_radius**2
            first = _first_inside(inside, nsample, empty=0)
            first[~inside.any(1), 0] = -1
            out[rows] = first


def _first_inside(inside, number, empty):
    """The first columns that are true, filled up with the first of them.

    (M, N) bool -> (M, number) int32.
    """
    row, column = inside.nonzero().T
    count = inside.sum(1)
    rank = torch.arange(len(row)) - (count.cumsum(0) - count)[row]
    row, column, rank = (t[rank < number] for t in (row, column, rank))
    first = torch.full((len(inside), number), -1, dtype=torch.int32)
    first[row, rank] = column.int()
    first = torch.where(first < 0, first[:, :1], first)
    return torch.where(first < 0, empty, first)


@_compiled
def group_points_forward(features, indices, output, b, c, n, npoints,
                         nsample):
    """features (B, C, N), indices (B, M, S), output (B, C, M, S)."""
    index = indices.long().reshape(b, 1, -1).expand(-1, c, -1)
    output.copy_(features.gather(2, index).view_as(output))


@_compiled
def group_points_backward(grad, indices, grad_features, b, c, n, npoints,
                          nsample):
    """grad (B, C, M, S), indices (B, M, S), grad_features (B, C, N)."""
    index = indices.long().reshape(b, 1, -1).expand(-1, c, -1)
    grad_features.scatter_add_(2, index, grad.reshape(b, c, -1))


@_compiled
def stack_group_points_forward(features, features_count, indices,
                               indices_count, output, b, m, c, nsample):
    """features (N1 + N2 ..., C), indices (M1 + M2 ..., S), output
    (M1 + M2 ..., C, S)."""
    index = _stacked(indices, features_count, indices_count)
    output.copy_(features[index].transpose(1, 2))


@_compiled
def stack_group_points_backward(grad, indices, indices_count, features_count,
                                grad_features, b, c, m, n, nsample):
    """grad (M1 + M2 ..., C, S), grad_features (N1 + N2 ..., C)."""
    index = _stacked(indices, features_count, indices_count).flatten()
    grad_features.index_add_(0, index, grad.transpose(1, 2).reshape(-1, c))


def _stacked(indices, features_count, indices_count):
    starts = features_count.cumsum(0) - features_count
    starts = starts.repeat_interleave(indices_count.long())
    return (indices + starts[:, None]).long()


@_compiled
def gather_points_forward(features, indices, output, b, c, n, npoints):
    """features (B, C, N), indices (B, M), output (B, C, M)."""
    index = indices.long()[:, None].expand(-1, c, -1)
    output.copy_(features.gather(2, index))


@_compiled
def gather_points_backward(grad, indices, grad_features, b, c, n, npoints):
    """grad (B, C, M), indices (B, M), grad_features (B, C, N)."""
    index = indices.long()[:, None].expand(-1, c, -1)
    grad_features.scatter_add_(2, index, grad)


@_compiled
def knn_forward(points, centers, indices, dist2, b, n, m, nsample):
    """points (B, N, 3), centers (B, M, 3), indices and dist2 (B, M, S)."""
    for i in range(b):
        for rows, square in _rows_of_distances(centers[i], points[i]):
            dist2[i, rows], indices[i, rows] = square.topk(
                nsample, dim=1, largest=False)


@_compiled
def three_nn_forward(targets, sources, dist2, indices, b, n, m):
    """targets (B, N, 3), sources (B, M, 3), dist2 and indices (B, N, 3)."""
    for i in range(b):
        for rows, square in _rows_of_distances(targets[i], sources[i]):
            dist2[i, rows], indices[i, rows] = square.topk(
                3, dim=1, largest=False)


@_compiled
def three_interpolate_forward(features, indices, weight, output, b, c, m, n):
    """features (B, C, M), indices and weight (B, N, 3), output (B, C, N)."""
    index = indices.long().reshape(b, 1, -1).expand(-1, c, -1)
    groups = features.gather(2, index).view(b, c, n, 3)
    output.copy_((groups * weight[:, None]).sum(3))


@_compiled
def three_interpolate_backward(grad, indices, weight, grad_features, b, c, n,
                               m):
    """grad (B, C, N), grad_features (B, C, M)."""
    index = indices.long().reshape(b, 1, -1).expand(-1, c, -1)
    parts = grad[..., None] * weight[:, None]
    grad_features.scatter_add_(2, index, parts.reshape(b, c, -1))


@_compiled
def dynamic_point_to_voxel_forward(features, coors, reduce_type):
    """(N, C), (N, 3) -> features (V, C), coors (V, 3), voxel of each point
    (N,) (-1 for none), points of each voxel (V,)."""
    coors = coors.masked_fill((coors < 0).any(1, keepdim=True), -1)
    voxels, voxel_of, count = coors.unique(
        dim=0, return_inverse=True, return_counts=True)
    if len(voxels) and voxels[0, 0] < 0:
        voxels, count, voxel_of = voxels[1:], count[1:], voxel_of - 1
    inside = voxel_of >= 0
    index = voxel_of[inside, None].expand(-1, features.shape[1])
    reduced = features.new_zeros((len(voxels), features.shape[1]))
    reduced.scatter_reduce_(
        0,
        index,
        features[inside],
        dict(max='amax', mean='mean', sum='sum')[reduce_type],
        include_self=False)
    return reduced, voxels, voxel_of.int(), count.int()


@_compiled
def dynamic_point_to_voxel_backward(grad_features, grad, features, reduced,
                                    voxel_of, count, reduce_type):
    """grad (V, C) to grad_features (N, C); a maximum passes its gradient to
    the first point that has it."""
    inside = (voxel_of >= 0).nonzero()[:, 0]
    voxel = voxel_of[inside].long()
    if reduce_type != 'max':
        divisor = count[voxel, None] if reduce_type == 'mean' else 1
        grad_features[inside] = grad[voxel] / divisor
        return
    n = len(features)
    is_max = features[inside] == reduced[voxel]
    point = torch.where(is_max, inside[:, None], n)
    first = torch.full(grad.shape, n)
    first.scatter_reduce_(0, voxel[:, None].expand_as(point), point, 'amin')
    grad_features.scatter_(0, first, grad)


# Points in boxes; boxes (M, 7) have their origin at the bottom centre


def _local(points, boxes):
    """Points in the frames of boxes, from the centre: three (M, N)."""
    x = points[None, :, 0] - boxes[:, 0, None]
    y = points[None, :, 1] - boxes[:, 1, None]
    z = points[None, :, 2] - (boxes[:, 2] + boxes[:, 5] / 2)[:, None]
    cos, sin = boxes[:, 6, None].cos(), boxes[:, 6, None].sin()
    return x * cos + y * sin, y * cos - x * sin, z


def _inside(points, boxes):
    """(N, 3), (M, 7) -> (M, N) bool."""
    x, y, z = _local(points, boxes)
    return ((x.abs() < boxes[:, 3, None] / 2) &
            (y.abs() < boxes[:, 4, None] / 2) &
            (z.abs() <= boxes[:, 5, None] / 2))


@_compiled
def points_in_boxes_part_forward(boxes, points, output):
    """boxes (B, M, 7), points (B, N, 3), output (B, N) int32: -1 or the
    first box."""
    for i in range(len(boxes)):
        if boxes.shape[1]:
            inside = _inside(points[i], boxes[i])
            first = inside.int().argmax(0)
            output[i] = torch.where(inside.any(0), first, -1)


@_compiled
def points_in_boxes_all_forward(boxes, points, output):
    """boxes (B, M, 7), points (B, N, 3), output (B, N, M) int32."""
    for i in range(len(boxes)):
        output[i] = _inside(points[i], boxes[i]).T


@_compiled
def roiaware_pool3d_forward(rois, points, features, argmax, points_of_voxels,
                            pooled, pool_method):
    """rois (R, 7), points (N, 3), features (N, C), argmax and pooled
    (R, X, Y, Z, C), points_of_voxels (R, X, Y, Z, 1 + S): their number, then
    their indices. pool_method 0: maximum, 1: mean."""
    out_size = pooled.shape[1:4]
    argmax.fill_(-1)
    inside = _inside(points, rois)
    local = torch.stack(_local(points, rois), 2)
    for r, roi in enumerate(rois):
        index = inside[r].nonzero()[:, 0]
        if not len(index):
            continue
        voxel = 0
        for dim, size in enumerate(out_size):
            step = roi[3 + dim] / size
            cell = ((local[r, index, dim] + roi[3 + dim] / 2) / step).int()
            voxel = voxel * size + cell.clamp(0, size - 1)
        _pool_roi(index, voxel.long(), features, argmax[r],
                  points_of_voxels[r], pooled[r], pool_method)


def _pool_roi(index, voxel, features, argmax, points_of_voxels, pooled,
              pool_method):
    limit = points_of_voxels.shape[-1] - 1
    table = points_of_voxels.view(-1, limit + 1)
    voxel, order = voxel.sort(stable=True)
    index = index[order]
    rank = torch.arange(len(voxel)) - torch.searchsorted(voxel, voxel)
    index, voxel, rank = (t[rank < limit] for t in (index, voxel, rank))
    table[voxel, rank + 1] = index.int()
    table[:, 0] = voxel.bincount(minlength=len(table)).int()
    c = features.shape[1]
    column = voxel[:, None].expand(-1, c)
    flat = pooled.view(-1, c)
    flat.scatter_reduce_(
        0,
        column,
        features[index],
        'mean' if pool_method else 'amax',
        include_self=False)
    if pool_method == 0:
        n = len(features)
        is_max = features[index] == flat[voxel]
        first = torch.full(flat.shape, n)
        first.scatter_reduce_(0, column,
                              torch.where(is_max, index[:, None], n), 'amin')
        argmax.view(-1, c).copy_(torch.where(first == n, -1, first))


@_compiled
def roiaware_pool3d_backward(points_of_voxels, argmax, grad, grad_features,
                             pool_method):
    """grad (R, X, Y, Z, C) to grad_features (N, C)."""
    c = grad.shape[-1]
    grad = grad.view(-1, c)
    if pool_method == 0:
        argmax = argmax.view(-1, c).long()
        grad_features.scatter_add_(0, argmax.clamp(min=0),
                                   torch.where(argmax < 0, 0., grad))
        return
    table = points_of_voxels.view(-1, points_of_voxels.shape[-1])
    count = table[:, :1]
    voxel, slot = (torch.arange(table.shape[1] - 1) < count).nonzero().T
    grad_features.index_add_(0, table[voxel, slot + 1].long(),
                             grad[voxel] / count[voxel])


@_compiled
def roipoint_pool3d_forward(points, boxes, features, pooled, empty):
    """points (B, N, 3), boxes (B, M, 7), features (B, N, C), pooled
    (B, M, S, 3 + C), empty (B, M) int32. Few points are repeated."""
    samples = pooled.shape[2]
    for i in range(len(boxes)):
        both = torch.cat([points[i], features[i]], 1)
        for j, inside in enumerate(_inside(points[i], boxes[i])):
            index = inside.nonzero()[:samples, 0]
            if len(index):
                pooled[i, j] = both[index[torch.arange(samples) % len(index)]]
            else:
                empty[i, j] = 1


# Overlaps of boxes (M, 7) with their origin at the centre


def _bev(boxes):
    """(M, 7) -> (M, 5): x, y, two sizes, angle as rotated_iou turns."""
    return boxes[:, [0, 1, 3, 4, 6]] * boxes.new_tensor(_MIRROR)


@_compiled
def iou3d_boxes_overlap_bev_forward(boxes, others, overlaps):
    """boxes (M, 7), others (N, 7), overlaps (M, N), areas."""
    planes = [_bev(b.detach()).numpy() for b in (boxes, others)]
    overlaps.copy_(torch.from_numpy(rotated_iou(*planes, INTERSECTION)))


@_compiled
def iou3d_nms3d_forward(boxes, keep, num_out, nms_overlap_thresh):
    """boxes (M, 7) from the best on, keep (M,): the first num_out count."""
    kept = _nms(_bev(boxes), nms_overlap_thresh)
    keep[:len(kept)] = kept
    num_out.fill_(len(kept))


@_compiled
def iou3d_nms3d_normal_forward(boxes, keep, num_out, nms_overlap_thresh):
    """Like iou3d_nms3d_forward, with all headings 0."""
    boxes = boxes.clone()
    boxes[:, 6] = 0
    iou3d_nms3d_forward(boxes, keep, num_out, nms_overlap_thresh)


@_compiled
def nms_rotated(boxes, scores, order, ordered, labels, threshold,
                multi_label):
    """boxes and ordered (M, 5), order (M,) -> indices of those kept.

    mmcv has it for the CPU, a hundred times slower: a minute for the
    proposals of PV-RCNN.
    """
    if multi_label:
        return _stock_nms_rotated(boxes, scores, order, ordered, labels,
                                  threshold, multi_label)
    return order[_nms(ordered * ordered.new_tensor(_MIRROR), threshold)]


def _nms(planes, threshold):
    """(M, 5) from the best on -> indices of those kept."""
    planes = planes.detach().double().numpy()
    reach = np.hypot(planes[:, 2], planes[:, 3]) / 2
    left = np.arange(len(planes))
    kept = []
    while len(left):
        first, left = left[0], left[1:]
        kept.append(first)
        distance = np.hypot(*(planes[left, :2] - planes[first, :2]).T)
        near = np.flatnonzero(distance < reach[left] + reach[first])
        overlap = rotated_iou(planes[first, None], planes[left[near]])[0]
        left = np.delete(left, near[overlap > threshold])
    return torch.tensor(kept, dtype=torch.long)


@_compiled
def diff_iou_rotated_sort_vertices_forward(vertices, mask, num_valid):
    """Order the corners of the polygons that pairs of boxes share.

    vertices (B, M, 24, 2) around the polygon's centre, mask (B, M, 24): which
    are corners, num_valid (B, M) -> (B, M, 9) int32: the corners by angle,
    the first again, then an index of no corner (its vertex is 0).
    """
    # Only the last 16, crossings of edges, are 0 where they are no corner.
    pad = 8 + mask[..., 8:].int().argmin(-1, keepdim=True)
    angle = torch.atan2(vertices[..., 1], vertices[..., 0])
    angle = torch.where(mask, angle.remainder(2 * math.pi), math.inf)
    order = angle.argsort(-1)[..., :9]
    position = torch.arange(9)
    number = num_valid[..., None]
    order = torch.where(position == number, order[..., :1], order)
    order = torch.where((position > number) | (number < 3), pad, order)
    return order.int()
