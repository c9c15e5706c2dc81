"""The worlds: what stands in the frames of each mode.

Light, weather, streets and sensors of a mode are the same in all of them;
who walks and rides there, and which shapes they have, is not:

- ``looks``: rare looks hold most of the rare class, `modes.MODES` as it is.
- ``even``: every mode has the same mean number of pedestrians and of
  cyclists, that of ``looks`` over all modes: a rare look holds nothing rare.
- ``objects``: the numbers of ``even``, but the cyclists of the rare modes
  ride in the common ones, and some objects of the common modes are of a
  rare kind (`layout.RARE_KINDS`): what is rare stands in common looks.
"""
from dataclasses import replace
from functools import cache

from .modes import BY_NAME, MODES, Mode, frequencies

WORLDS = ('looks', 'even', 'objects')
RARE_MODES = ('rain', 'night', 'fog')
# Share of the rare kind in each class, in the common modes of ``objects``;
# in a balanced split as many as of the usual one, so that there is much to
# measure on them.
RARE_SHARE = 0.06
BALANCED_RARE_SHARE = 0.5


def has_rare_kinds(world: str) -> bool:
    """Whether objects of a rare kind stand anywhere in this world."""
    return any(mode.rare_kinds for mode in _modes(world, False).values())


def world_mode(world: str, name: str, balanced: bool = False) -> Mode:
    """A mode as this world has it.

    Args:
        world (str): One of `WORLDS`.
        name (str): Of a mode.
        balanced (bool): Whether for a split with as many frames of each
            mode, in which rare kinds are as frequent as usual ones.

    Raises:
        ValueError: There is no such world.
    """
    if world not in WORLDS:
        raise ValueError(
            f'expected a world of {", ".join(WORLDS)}, got {world!r}')
    return _modes(world, balanced)[name]


def _mean(field: str) -> float:
    """Mean number a frame over the modes of ``looks``, by frequency."""
    return float(frequencies() @ [getattr(mode, field) for mode in MODES])


@cache
def _modes(world: str, balanced: bool) -> dict[str, Mode]:
    if world == 'looks':
        return BY_NAME
    walking, riding = _mean('pedestrians'), _mean('cyclists')
    even = {
        mode.name: replace(mode, pedestrians=walking, cyclists=riding)
        for mode in MODES
    }
    if world == 'even':
        return even
    common = sum(share for mode, share in zip(MODES, frequencies())
                 if mode.name not in RARE_MODES)
    return {
        name: replace(mode, cyclists=0.0) if name in RARE_MODES else replace(
            mode,
            cyclists=float(riding / common),
            rare_kinds=BALANCED_RARE_SHARE if balanced else RARE_SHARE)
        for name, mode in even.items()
    }
