"""Which frames a data set has, and what folder it may go to."""
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dequity_mmdet3d.temporary_file import is_temporary

from .frames import Settings
from .modes import MODES, equal_shares, frequencies, mode_counts

# Raise when the same settings make other bytes.
GENERATOR_VERSION = '1.0'
MARK = 'mini_kitti.json'
MODES_FILE = 'modes.csv'
OBJECTS_FILE = 'objects.csv'
_FIRST_STREAM_OF_SPLITS = 1000
SPLITS = ('train', 'val', 'test')


@dataclass(frozen=True)
class Sample:
    """One frame to make. `folder` is KITTI's: training or testing."""
    index: int
    split: str
    mode: str
    balanced: bool = False

    @property
    def name(self) -> str:
        """Of its files, without their suffix."""
        return f'{self.index:06d}'

    @property
    def folder(self) -> str:
        """KITTI's top folder for it."""
        return 'testing' if self.split == 'test' else 'training'

    @property
    def files(self) -> dict[str, str]:
        """Path below the data set's root, by KITTI's folder."""
        kinds = {'image_2': 'png', 'velodyne': 'bin', 'calib': 'txt'}
        if self.split != 'test':
            kinds['label_2'] = 'txt'
        return {
            kind: f'{self.folder}/{kind}/{self.name}.{suffix}'
            for kind, suffix in kinds.items()
        }


def plan_samples(counts: dict[str, int],
                 seed: int,
                 balanced: Sequence[str] = ()) -> list[Sample]:
    """Number all frames and give each its mode.

    Frames are numbered through train, val and test. Within a split the
    modes have their exact share (`modes.mode_counts`), in shuffled order.

    Args:
        counts (dict[str, int]): Frames of each of `SPLITS`, >= 0.
        seed (int): Decides the order.
        balanced (Sequence[str]): Splits in which all modes have the same
            share, so that there is much to measure on the rare ones.

    Returns:
        list[Sample]: By index.

    Raises:
        ValueError: A count is negative, or train or val is empty.
    """
    for split in SPLITS:
        least = 0 if split == 'test' else 1
        if counts[split] < least:
            raise ValueError(f'--{split} must be at least {least}, got '
                             f'{counts[split]}')
    samples: list[Sample] = []
    for number, split in enumerate(SPLITS):
        names = np.repeat([mode.name for mode in MODES],
                          mode_counts(
                              counts[split],
                              equal_shares() if split in balanced else None))
        rng = np.random.default_rng([seed, _FIRST_STREAM_OF_SPLITS + number])
        for mode in rng.permutation(names):
            samples.append(
                Sample(len(samples), split, str(mode), split in balanced))
    return samples


def describe(settings: Settings,
             counts: dict[str, int],
             balanced: Sequence[str] = ()) -> dict[str, Any]:
    """What `mini_kitti.json` says: all that decides the data's bytes."""
    # Left out where usual: data sets made before there was a choice.
    extra = {'balanced': sorted(balanced)} if balanced else {}
    named = asdict(settings)
    if settings.world == 'looks':
        del named['world']
    # Through JSON, so that it compares equal to what is read back.
    return json.loads(
        json.dumps({
            'generator': 'dequity_mmdet3d.mini_kitti',
            'version': GENERATOR_VERSION,
            'settings': named,
            'frames': {split: counts[split] for split in SPLITS},
            'mode_frequencies': {
                mode.name: round(float(share), 6)
                for mode, share in zip(MODES, frequencies())
            },
            **extra
        }))


def check_folder(root: Path,
                 description: dict[str, Any],
                 overwrite: bool = False) -> None:
    """Stop unless `root` is new, empty, or a part of this very data set.

    With `overwrite` any mini KITTI will do; what is not ours never does.

    Raises:
        ValueError: The folder holds something else, or a mini KITTI made
            with other parameters.
    """
    if root.exists() and not root.is_dir():
        raise ValueError(f'{root} is a file; give a folder to write to')
    mark = root / MARK
    if not mark.exists():
        # A run that was killed at once leaves the mark's own temporary.
        if root.exists() and any(
                not is_temporary(path, root)
                for path in root.iterdir()):
            raise ValueError(
                f'{root} holds files, but no {MARK}: not a data set of this '
                'tool. Nothing was changed; give a new or empty folder')
        return
    if overwrite:
        return
    try:
        found = json.loads(mark.read_text())
        found['settings'], found['frames']
    except (ValueError, KeyError, TypeError):
        raise ValueError(
            f'{mark} does not describe a data set (perhaps its removal was '
            'interrupted); use --overwrite to make it anew') from None
    if found != description:
        raise ValueError(
            f'{root} holds a mini KITTI made with other parameters '
            f'({_difference(found, description)}); use --overwrite to replace '
            'it, or give another folder')


def _difference(found: dict[str, Any], wanted: dict[str, Any]) -> str:
    """Name each value that differs: 'settings.seed: 0 there, 1 asked'."""

    def flat(tree, prefix=''):
        for key, value in tree.items():
            if isinstance(value, dict):
                yield from flat(value, f'{prefix}{key}.')
            else:
                yield prefix + key, value

    there, asked = dict(flat(found)), dict(flat(wanted))
    names = [
        name for name in {**there, **asked}
        if there.get(name) != asked.get(name)
    ]
    return '; '.join(f'{name}: {there.get(name)} there, {asked.get(name)} '
                     'asked for' for name in names)
