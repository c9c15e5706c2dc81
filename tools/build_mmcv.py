"""Build mmcv's wheel from its unpacked source distribution, in a minute.

    cd mmcv-2.1.0 && VENV/bin/python .../tools/build_mmcv.py

mmcv's own build parses torch's headers once for each of its 77 sources, and
that is nearly all it does: 10 to 26 minutes on two cores. Here sources that
get along are included in one translation unit, five units in all; debug
information, which Python's own flags ask for and nobody reads, is left out;
and the C++ standard is the one that torch's headers want (mmcv's setup.py
says C++17, torch 2.14 needs C++20). All else is left to mmcv's setup.py: the
wheel, ``dist/mmcv-*.whl``, has the stock one's files, operators and metadata.

CPU operators only, whatever the machine: users with a GPU bring their own
mmcv. Needs torch, setuptools below 81, wheel and ninja; MAX_JOBS is the number
of compilers. ninja goes on where an interrupted build was.
"""
import os
import sys
from pathlib import Path

SOURCES = Path('mmcv/ops/csrc/pytorch')
# Each defines the struct PreCalc and templates around it, no two the same.
PRE_CALC = ('bezier_align.cpp', 'roi_align.cpp', 'roi_align_rotated.cpp')
# These say what would hold for all that follows in their unit: `using
# namespace std`, and macros named min and max.
LAST = ('contour_expand.cpp', 'psamask.cpp')


def translation_units(sources=SOURCES):
    """The sources of each unit, the slowest unit first.

    Args:
        sources (Path): mmcv's folder with the sources that bind operators to
            Python; those for the CPU lie in its folder cpu.

    Returns:
        list[list[Path]]: every source once, in the order of inclusion.

    Raises:
        ValueError: if sources that have to be kept apart are not there.
    """
    binding, cpu = (
        sorted(folder.glob('*.cpp'), key=lambda p: (p.name in LAST, p.name))
        for folder in (sources, sources / 'cpu'))
    missing = {*PRE_CALC, LAST[1]} - {path.name for path in cpu}
    if not binding or missing:
        raise ValueError(
            f"expected the sources of mmcv 2.1.0 in '{sources}', found "
            f'{len(binding)} and none named {sorted(missing)} in cpu; run '
            "this in the folder of mmcv's unpacked source distribution")
    apart = [path for path in cpu if path.name in PRE_CALC]
    others = [path for path in cpu if path not in apart]
    return [binding, others] + [[path] for path in apart]


def write_units(units, folder):
    """Write a file of ``#include`` lines for each unit.

    A file that is right already is left as it is: ninja goes by its date.

    Returns:
        list[str]: the files, named so that the build starts them in order.
    """
    folder.mkdir(exist_ok=True)
    files = []
    for number, paths in enumerate(units):
        file = folder / f'unit{number}.cpp'
        text = ''.join(f'#include "{os.path.relpath(path, folder)}"\n'
                       for path in paths)
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
        files.append(str(file))
    return files


def main():
    try:
        units = translation_units()
    except ValueError as error:
        sys.exit(f'error: {error}')
    # before setup.py, which looks for a GPU
    os.environ.update(
        CUDA_VISIBLE_DEVICES='', FORCE_CUDA='0', MMCV_WITH_OPS='1')
    import setuptools  # noqa: F401, I001  before distutils, which it replaces
    from distutils.core import run_commands, run_setup
    build = run_setup('setup.py', ['bdist_wheel'], stop_after='commandline')
    extension, = build.ext_modules
    extension.sources = write_units(units, Path('units'))
    extension.extra_compile_args = {'cxx': ['-g0']}
    run_commands(build)


if __name__ == '__main__':
    main()
