"""The mmcv that set-up builds has every operator, and the right ones.

Its sources are not compiled one by one (tools/build_mmcv.py), so a source left
out, or one that another changes, would show here.
"""
import ast
import importlib.util
import re
from pathlib import Path

import mmcv._ext
import mmcv.ops as ops
import pytest
import torch
from torch.nn.functional import conv2d

from . import cpu_ops

pytestmark = pytest.mark.zoo

CPU_SOURCES = Path(mmcv.__file__).parent / 'ops/csrc/pytorch/cpu'


def declared(package):
    """Names in the package's ``load_ext('_ext', [...])``."""
    names = set()
    folder, = importlib.util.find_spec(package).submodule_search_locations
    for path in sorted(Path(folder).rglob('*.py')):
        text = path.read_text(encoding='utf-8')
        if 'load_ext(' not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and len(node.args) == 2 and getattr(
                    node.func, 'attr', getattr(node.func, 'id', '')
            ) == 'load_ext':
                extension, functions = map(ast.literal_eval, node.args)
                assert extension == '_ext'
                names.update(functions)
    return names


def test_every_declared_operator_is_there():
    names = set.union(*map(declared, ('mmcv', 'mmdet', 'mmdet3d')))
    # every wrapper declares what it calls: the zoo's stand-ins among them
    with cpu_ops():
        replaced = {
            name
            for name, function in vars(mmcv._ext).items()
            if getattr(function, '__module__', '') == cpu_ops.__module__
        }
    assert len(replaced) > 20
    assert replaced <= names
    assert sorted(name for name in names if not hasattr(mmcv._ext, name)) == []


def test_every_cpu_kernel_is_linked():
    """By the sources that the wheel carries, and the library's symbols."""
    sources = sorted(CPU_SOURCES.glob('*.cpp'))
    if not sources:
        pytest.skip(f'this mmcv came without its sources ({CPU_SOURCES})')
    kernels = {
        name
        for path in sources
        for name in re.findall(
            r'REGISTER_DEVICE_IMPL\(\s*\w+,\s*CPU,\s*(\w+)\)',
            path.read_text())
    }
    assert {'nms_cpu', 'roi_align_forward_cpu'} <= kernels
    library = Path(mmcv._ext.__file__).read_bytes()
    # a C++ symbol holds a name behind its length
    assert sorted(name for name in kernels
                  if f'{len(name)}{name}'.encode() not in library) == []


# A map that is linear in x and y is interpolated exactly, so its mean over
# the samples of a cell is its value in the middle of the samples.
HEIGHT, WIDTH = 12, 16
LEFT, TOP, RIGHT, BOTTOM = 3., 2., 11., 8.
CELL = (RIGHT - LEFT) / 4, (BOTTOM - TOP) / 3


def linear(x, y):
    """y (H,) and x (W,), in pixels with centres at .5, -> (1, 1, H, W)."""
    return (7 + 2 * x[None, :] - 3 * y[:, None])[None, None]


def roi_align(features):
    box = features.new_tensor([[0, LEFT, TOP, RIGHT, BOTTOM]])
    return ops.roi_align(features, box, (3, 4), 1., 2, 'avg', True)


def roi_align_rotated(features):
    box = features.new_tensor([[
        0, (LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2, RIGHT - LEFT, BOTTOM - TOP,
        0
    ]])
    return ops.RoIAlignRotated((3, 4), 1., 2)(features, box)


def bezier_align(features):
    """Two straight curves; cells here are around their first corner."""
    steps = torch.linspace(0, 1, 4, dtype=features.dtype)
    x = LEFT + (RIGHT - LEFT) * steps
    upper = torch.stack([x, torch.full_like(x, TOP)], 1)
    lower = torch.stack([x, torch.full_like(x, BOTTOM)], 1).flip(0)
    box = torch.cat([x.new_zeros(1), upper.flatten(), lower.flatten()])
    return ops.BezierAlign((3, 4), 1., 2)(features, box[None])


@pytest.mark.parametrize('align, corner', [(roi_align, .5),
                                           (roi_align_rotated, .5),
                                           (bezier_align, 0.)])
def test_regions_of_a_linear_map(align, corner):
    """Three sources of one structure name, kept apart by the build."""
    pixels = [torch.arange(n).double() + .5 for n in (WIDTH, HEIGHT)]
    features = linear(*pixels).requires_grad_()
    pooled = align(features)
    expected = linear(LEFT + CELL[0] * (torch.arange(4).double() + corner),
                      TOP + CELL[1] * (torch.arange(3).double() + corner))
    torch.testing.assert_close(pooled, expected)
    # linear in the map too: <gradient, map> is the sum of the output
    pooled.sum().backward()
    torch.testing.assert_close((features.grad * features).sum(), pooled.sum())


@pytest.mark.parametrize('modulated', [False, True])
def test_deformable_convolution_without_an_offset(modulated):
    """Is a plain one, and with a mask of 1/2 half of it."""
    rng = torch.Generator().manual_seed(0)
    x, weight = (torch.randn(shape, generator=rng, dtype=torch.float64)
                 for shape in ((2, 3, 5, 6), (4, 3, 3, 3)))
    offset = x.new_zeros(2, 2 * 9, 5, 6)
    expected = conv2d(x, weight, padding=1)
    if modulated:
        mask = x.new_full((2, 9, 5, 6), .5)
        result = ops.modulated_deform_conv2d(x, offset, mask, weight, None, 1,
                                             1)
        expected = expected / 2
    else:
        result = ops.deform_conv2d(x, offset, weight, 1, 1)
    torch.testing.assert_close(result, expected)


def test_overlap_and_suppression_by_hand():
    # centre, size, angle: the second turned by a right angle, 1 x 2 as 2 x 1
    boxes = torch.tensor([[0., 0, 2, 2, 0], [1., 0, 1, 2, torch.pi / 2],
                          [9., 9, 2, 2, 0]])
    # shared 1 of 4 + 2 - 1
    torch.testing.assert_close(
        ops.box_iou_rotated(boxes, boxes),
        torch.tensor([[1, .2, 0], [.2, 1, 0], [0, 0, 1]]))
    upright = torch.tensor([[0., 0, 2, 2], [0, 0, 2, 1], [5, 5, 6, 6]])
    scores = torch.tensor([.8, .9, .7])
    # the first two share 2 of 4
    assert ops.nms(upright, scores, .4)[1].tolist() == [1, 2]
    assert ops.nms(upright, scores, .6)[1].tolist() == [1, 0, 2]


def test_voxels_and_points_in_boxes_by_hand():
    points = torch.tensor([[.5, .5, .5], [1.5, .5, .5], [.6, .4, .5],
                           [9., 9, 9]])
    voxels, coordinates, count = ops.Voxelization([1, 1, 1],
                                                  [0, 0, 0, 2, 2, 2], 4,
                                                  5)(points)
    assert coordinates.tolist() == [[0, 0, 0], [0, 0, 1]]  # z, y, x
    assert count.tolist() == [2, 1]
    assert torch.equal(voxels[0, :2], points[[0, 2]])
    # the bottom's centre, sizes, heading
    boxes = torch.tensor([[[0.5, 0.5, 0, 1, 1, 1, 0], [1, .5, 0, 4, 1, 1,
                                                       0.]]])
    inside = ops.points_in_boxes_cpu(points[None], boxes)
    assert inside[0].tolist() == [[1, 1], [0, 1], [1, 1], [0, 0]]
