"""In which number type an encoder runs: by capability, never by timing.

A choice by timing could differ between two runs, and so would the table.
"""
import torch

from ...choices import PRECISIONS

DTYPES = {name: getattr(torch, name) for name in PRECISIONS}
# How Linux names the units that multiply matrices of bfloat16
_CPU_FLAGS = {'amx_bf16', 'avx512_bf16'}


def pick_precision(precision, device):
    """The number type of weights and activations.

    Args:
        precision (str, optional): A key of ``DTYPES``, taken as it is; None
            or 'auto' takes bfloat16 on a GPU from compute capability 8 and
            on a CPU with the instructions for it, float16 on a GPU from 7
            (tensor cores without bfloat16), and float32 elsewhere.
        device (torch.device): Where the encoder runs.

    Returns:
        str: A key of ``DTYPES``.

    Raises:
        ValueError: If it is none of these.
    """
    if precision not in (None, 'auto'):
        if precision not in DTYPES:
            raise ValueError(f"precision must be 'auto' or one of "
                             f'{list(DTYPES)}, but is {precision!r}')
        return precision
    if device.type == 'cuda':
        major = torch.cuda.get_device_capability(device)[0]
        # version.hip: AMD's numbers mean something else, all can bfloat16
        if torch.version.hip or major >= 8:
            return 'bfloat16'
        return 'float16' if major == 7 else 'float32'
    if device.type == 'cpu' and _CPU_FLAGS & cpu_flags():
        return 'bfloat16'
    return 'float32'


def cpu_flags(path='/proc/cpuinfo'):
    """Instruction sets of this CPU; empty where the system does not tell.

    Args:
        path (str): Where Linux tells.

    Returns:
        set[str]: Such as 'avx2'.
    """
    try:
        with open(path) as lines:
            for line in lines:
                if line.startswith('flags'):
                    return set(line.split(':', 1)[1].split())
    except OSError:
        pass  # another system
    return set()
