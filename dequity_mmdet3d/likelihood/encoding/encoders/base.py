"""What every encoder is, and what they share.

Shape letters: B batch, H and W input size in pixels, D embedding size.
"""
from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from .precision import DTYPES

# From here on torch resizes uint8 itself, with the vector units: 0.4 ms for a
# KITTI frame that Pillow takes 3 ms for, and no pixel differs by more than 1.
_TORCH_RESIZES = tuple(
    int(part) for part in torch.__version__.split('.')[:2]) >= (2, 1)


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
    size: tuple[int, int]
    resample: str = 'bicubic'

    def __call__(self, image: Image.Image) -> torch.Tensor:
        """PIL image in RGB to a (3, H, W) uint8 tensor, channels last.

        Not yet normalised: a quarter of the bytes, and a whole batch can be
        normalised at once.
        """
        if _TORCH_RESIZES:
            x = torch.from_numpy(np.array(image)).permute(2, 0, 1)
            return F.interpolate(
                x[None], self.size[::-1], mode=self.resample,
                antialias=True)[0]
        resample = getattr(Image, self.resample.upper())
        pixels = np.array(image.resize(self.size, resample))
        return torch.from_numpy(pixels).permute(2, 0, 1)

    def describe(self) -> str:
        """Everything that can change a pixel, as text."""
        return (f'{self.resample} to {self.size[0]}x{self.size[1]} by '
                f'{"torch" if _TORCH_RESIZES else "Pillow"}')


@runtime_checkable
class Encoder(Protocol):
    """Turns images into embeddings.

    Attributes:
        name (str): As given to ``build_encoder``.
        pretrained (str): Tag or file name of the weights.
        dim (int): D.
        fingerprint (str): SHA-256 of the weights, before they are rounded
            to ``precision``.
        precision (str): Type of the weights: a key of ``DTYPES``.
        features (str): One of :data:`.choices.FEATURES`.
        preprocess (Squash): PIL image to (3, H, W) uint8; runs in several
            threads at once, as does :meth:`encode`.
        device (torch.device): Where :meth:`encode` wants its batch.
    """
    name: str
    pretrained: str
    dim: int
    fingerprint: str
    precision: str
    features: str
    preprocess: Squash
    device: torch.device

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) uint8 on ``device`` to (B, D) float32."""


def normalise(batch, mean, std, dtype=torch.float32):
    """``(batch - mean) / std`` per channel.

    Args:
        batch (torch.Tensor): (B, 3, H, W) uint8.
        mean (Sequence[float]): 3 values in the unit of the pixels, 0 to 255.
        std (Sequence[float]): As ``mean``.
        dtype (torch.dtype): Of the result. The arithmetic is in float32.

    Returns:
        torch.Tensor: (B, 3, H, W) of that type, in the layout of the batch.
    """
    mean = torch.tensor(mean, device=batch.device).view(1, 3, 1, 1)
    std = torch.tensor(std, device=batch.device).view(1, 3, 1, 1)
    return (batch - mean).div_(std).to(dtype)


def place(module, device, precision):
    """Put a network where and how it runs, for inference.

    Args:
        module (torch.nn.Module): In float32.
        device (torch.device): See :func:`pick_device`.
        precision (str): See :func:`.precision.pick_precision`.

    Returns:
        torch.nn.Module: The same.
    """
    # the weights themselves: autocast would round them again in every batch,
    # which made it slower than float32 (23 images/s against 33; 153 this way)
    return module.to(
        device, DTYPES[precision],
        memory_format=torch.channels_last).eval()


def checked_dim(encoder, device, precision):
    """D, by encoding a blank image, which also shows that it can run.

    Args:
        encoder (Encoder): Complete but for ``dim``.
        device (torch.device): Of the encoder.
        precision (str): Of the encoder.

    Returns:
        int: Length of an embedding.

    Raises:
        ValueError: If this device cannot compute in this precision.
    """
    width, height = encoder.preprocess.size
    blank = torch.zeros(
        1, 3, height, width, dtype=torch.uint8, device=device)
    try:
        with torch.inference_mode():
            return encoder.encode(blank).shape[1]
    except (RuntimeError, NotImplementedError) as e:
        if precision == 'float32':
            raise
        raise ValueError(
            f'{encoder.name} cannot run in {precision} on {device} '
            f'({str(e).splitlines()[0]}); give --precision float32') from e


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


def load_tensors(path):
    """Read a checkpoint without running any code that it brings.

    Args:
        path (str | Path): Written by ``torch.save``.

    Returns:
        Any: What it holds, on the CPU.

    Raises:
        ValueError: If it is damaged, or holds more than tensors and plain
            containers.
    """
    try:
        return torch.load(path, map_location='cpu', weights_only=True)
    except Exception as e:  # the reader of a damaged file may raise anything
        # without its message, which advises to read the file unsafely
        raise ValueError(
            f'checkpoint {path} cannot be read: it is damaged or holds more '
            'than tensors, which could run any code; save the state_dict() '
            'of the model with torch.save') from e


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
