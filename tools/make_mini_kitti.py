"""Make a mini KITTI: a small, seeded data set in KITTI's raw layout.

    python tools/make_mini_kitti.py data/mini_kitti

Street scenes with cars, pedestrians and cyclists, seen by a camera and a
64-beam lidar. Scenes come from six appearance modes; the rare ones hold most
of the cyclists. modes.csv says which frame is of which mode. Run the same
command again after an interrupt: finished frames are kept.

Exit status: 0 the data set is complete, 1 it is not, 2 wrong arguments, 130
interrupted.
"""
import argparse
import os
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

# Frames are made in parallel; threads inside each would only get in the way.
# Set before numpy is imported, here and in the workers.
for _name in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS'):
    os.environ.setdefault(_name, '1')
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from demo.mini_kitti.worlds import WORLDS
from dequity_mmdet3d.cli import run_cli


def _at_least(least: int):

    def parse(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(
                f'expected at least {least}, got {value}')
        return value

    parse.__name__ = 'int'
    return parse


def _between(low: float, high: float):

    def parse(text: str) -> float:
        value = float(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(
                f'expected {low} to {high} degrees, got {text}')
        return value

    parse.__name__ = 'float'
    return parse


class _Version(argparse.Action):
    """Look the version up only when asked: Open3D takes seconds to load."""

    def __init__(self, option_strings, dest, **kwargs):
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0,
                         help='print the generator\'s version and exit')

    def __call__(self, parser, *_):
        from demo.mini_kitti.plan import GENERATOR_VERSION
        print(f'make_mini_kitti {GENERATOR_VERSION}')
        parser.exit()


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n\n')[0],
        epilog=__doc__.split('\n\n', 2)[2],
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('out', type=Path, metavar='OUT', help='folder to write to: new, '
        'empty, or an unfinished data set of the same command')
    add('--train', type=_at_least(1), default=1200, metavar='N',
        help='training frames (default: 1200)')
    add('--val', type=_at_least(1), default=240, metavar='N',
        help='validation frames (default: 240)')
    add('--balanced-val', action='store_true',
        help='as many validation frames of each mode, for figures on rare '
        'ones that rest on something; the training split stays unequal')
    add('--test', type=_at_least(0), default=0, metavar='N',
        help='frames below testing/, without labels (default: 0; the lists '
        'and folders are made all the same)')
    add('--world', choices=WORLDS, default='looks',
        help='what stands in the frames: looks (rare looks hold most '
        'cyclists), even (every look holds as many) or objects (rare kinds '
        'stand in common looks, named in objects.csv); docs/mini_kitti.md '
        '(default: looks)')
    add('--seed', type=_at_least(0), default=0, metavar='N',
        help='the same seed and parameters give the same bytes (default: 0)')
    add('--image-size', type=_at_least(32), nargs=2, default=(1242, 375),
        metavar=('W', 'H'), help='pixels; the calibration follows. '
        'MMDetection3D counts objects of fewer than 25 pixel rows as too '
        'hard, so that a smaller picture loses far ones (default: 1242 375, '
        'as KITTI)')
    add('--render-step', type=_at_least(1), default=3, metavar='N',
        help='cast one camera ray for N x N pixels and enlarge: a big picture '
        'for the cost of a small one; 1 is sharp and about 4 times slower '
        '(default: 3)')
    add('--azimuth-step', type=_between(0.05, 5), default=0.2,
        metavar='DEG', help='lidar resolution, degrees (default: 0.2)')
    add('--lidar-fov', type=_between(10, 360), default=100.0, metavar='DEG',
        help='degrees in front that the lidar sweeps; the camera sees 81 '
        '(default: 100)')
    add('--workers', type=_at_least(1), default=_cores(), metavar='N',
        help='processes; no influence on the data (default: cores, here '
        f'{_cores()})')
    again = parser.add_mutually_exclusive_group()
    again.add_argument('--overwrite', action='store_true',
                       help='remove a mini KITTI in OUT and start anew')
    again.add_argument('--resume', action='store_true',
                       help='keep finished frames of the same parameters; '
                       'this is what happens anyway')
    parser.add_argument('--version', action=_Version)
    return parser.parse_args(argv)


def _cores() -> int:
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def main(argv=None) -> int:
    args = parse_args(argv)
    try:
        from tqdm import tqdm

        from demo.mini_kitti.dataset import make_data_set
        from demo.mini_kitti.frames import Settings
    except ImportError as error:
        hint = ' (Debian: apt-get install libusb-1.0-0)' if (
            'libusb' in str(error)) else ''
        raise ImportError(
            f'a library is missing: {error}{hint}; the generator needs numpy, '
            'opencv-python, open3d and tqdm') from error
    settings = Settings(
        seed=args.seed,
        image_size=tuple(args.image_size),
        render_step=args.render_step,
        azimuth_step=args.azimuth_step,
        lidar_fov=args.lidar_fov,
        world=args.world)
    counts = {'train': args.train, 'val': args.val, 'test': args.test}
    with tqdm(unit=' frames', dynamic_ncols=True,
              total=sum(counts.values()), delay=0.5) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        try:
            samples = make_data_set(args.out, settings, counts, args.workers,
                                    args.overwrite, show,
                                    ('val', ) if args.balanced_val else ())
        except BrokenProcessPool:
            raise OSError(
                'a worker died, most likely for lack of memory; finished '
                'frames are kept, try again with fewer --workers') from None
    print(f'{len(samples)} frames in {args.out}: {args.train} train, '
          f'{args.val} val, {args.test} test')
    return 0


if __name__ == '__main__':
    status = run_cli(main, packages=('demo', ))
    if status == 130:
        print('finished frames are kept; the same command goes on from here',
              file=sys.stderr)
    sys.exit(status)
