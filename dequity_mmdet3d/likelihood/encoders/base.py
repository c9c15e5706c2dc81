"""What every encoder is, and what they share.

Shape letters: B batch, H and W input size in pixels, D embedding size.
"""
import hashlib
from dataclasses import dataclass
from typing import Protocol, Tuple, runtime_checkable

import numpy as np
import torch
from PIL import Image


@dataclass(frozen=True)
class Squash:
    """Resize the whole image to the input size, whatever its shape.

    Frames of road scenes are two to three times as wide as high. The usual
    crop of the centre cannot see what happens beside it: with the outer two
    thirds of a KITTI frame replaced by another frame's, the embedding keeps
    a cosine of 1.00 with the old one, against 0.71 when squashed. Squashing
    also told shifted crops of frames best apart (12 + 4 KITTI frames: margin
    0.20, letterbox 0.18, aspect kept at equal area 0.18, three tiles 0.17,
    centre crop 0.08), at one forward pass an image.

    Args:
        size (tuple[int, int]): Width and height in pixels.
        resample (str): 'bicubic' or 'bilinear'. Defaults to 'bicubic'.
    """
    size: Tuple[int, int]
    resample: str = 'bicubic'

    def __call__(self, image):
        """PIL image in RGB to a (3, H, W) uint8 tensor.

        Not yet normalised: a quarter of the bytes for the workers to pass.
        """
        resample = getattr(Image, self.resample.upper())
        pixels = np.array(image.resize(self.size, resample))
        return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


@runtime_checkable
class Encoder(Protocol):
    """Turns images into embeddings.

    Attributes:
        name (str): As given to ``build_encoder``.
        pretrained (str): Tag or file name of the weights.
        dim (int): D.
        fingerprint (str): SHA-256 of the weights.
        preprocess (Squash): PIL image to (3, H, W) uint8; picklable, as it
            runs in worker processes.
        device (torch.device): Where :meth:`encode` wants its batch.
    """
    name: str
    pretrained: str
    dim: int
    fingerprint: str
    preprocess: Squash
    device: torch.device

    def encode(self, batch):
        """(B, 3, H, W) uint8 on ``device`` to (B, D) float32."""


def normalise(batch, mean, std):
    """``(batch - mean) / std`` per channel.

    Args:
        batch (torch.Tensor): (B, 3, H, W) uint8.
        mean (Sequence[float]): 3 values in the unit of the pixels, 0 to 255.
        std (Sequence[float]): As ``mean``.

    Returns:
        torch.Tensor: (B, 3, H, W) float32.
    """
    mean = torch.tensor(mean, device=batch.device).view(1, 3, 1, 1)
    std = torch.tensor(std, device=batch.device).view(1, 3, 1, 1)
    return (batch.float() - mean) / std


def weights_fingerprint(module):
    """SHA-256 over names, types, shapes and values of a module's weights.

    Independent of the file that they came in.

    Args:
        module (torch.nn.Module): On any device.

    Returns:
        str: 64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        value = value.detach().cpu().contiguous()
        digest.update(f'{name} {value.dtype} {tuple(value.shape)};'.encode())
        if value.numel():
            # as bytes, because numpy has no bfloat16
            digest.update(value.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def pick_device(device=None):
    """The device to run on.

    Args:
        device (str, optional): 'cpu', 'cuda', 'cuda:1', ... None takes cuda
            where there is one.

    Returns:
        torch.device: One that can hold a tensor.

    Raises:
        ValueError: If there is no such device here.
    """
    if device is None:
        device = 'cuda' if torch.cuda.is_available() else 'cpu'
    try:
        picked = torch.device(device)
        torch.zeros(1, device=picked)
    except (RuntimeError, AssertionError, NotImplementedError) as e:
        reason = str(e).split('\n')[0]
        raise ValueError(f'device {device!r} cannot be used here ({reason}); '
                         "give --device cpu, or none to choose") from e
    return picked
