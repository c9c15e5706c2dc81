"""Make the info files and the ground-truth database of KITTI or nuScenes.

Runs the converters of the installed MMDetection3D; needs no clone of it and
no GPU. The flags are those of MMDetection3D's own create_data.py.
"""
import argparse

from .. import __version__
from ..cli import DefaultsHelp


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=DefaultsHelp)
    parser.add_argument('dataset', choices=['kitti', 'nuscenes'])
    parser.add_argument(
        '--root-path',
        help='folder of the data set in its own layout '
        '(default: ./data/DATASET)')
    parser.add_argument(
        '--out-dir',
        help='folder of the info files; points stay below the root path '
        '(default: the root path)')
    parser.add_argument(
        '--extra-tag',
        help="begin of the info files' names (default: DATASET)")
    parser.add_argument(
        '--version',
        default='v1.0-trainval',
        metavar='TABLES',
        help='nuScenes: v1.0-trainval, v1.0-mini or v1.0-test')
    parser.add_argument(
        '--max-sweeps',
        type=int,
        default=10,
        help='nuScenes: earlier lidar sweeps a sample')
    parser.add_argument(
        '--with-plane',
        action='store_true',
        help='KITTI: read ground planes from training/planes')
    parser.add_argument(
        '--tool-version',
        action='version',
        version=f'dequity_mmdet3d {__version__}')
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    from ..plugin.convert import convert_kitti, convert_nuscenes
    root = args.root_path
    if root is None:
        root = f'./data/{args.dataset}'
    prefix = args.dataset if args.extra_tag is None else args.extra_tag
    shared = dict(out_dir=args.out_dir, prefix=prefix)
    if args.dataset == 'kitti':
        made = convert_kitti(root, with_plane=args.with_plane, **shared)
    else:
        # the host calls the training tables v1.0
        version = ('v1.0-trainval'
                   if args.version == 'v1.0' else args.version)
        made = convert_nuscenes(
            root, version, max_sweeps=args.max_sweeps, **shared)
    print('\nmade ' + '\n     '.join(made))
