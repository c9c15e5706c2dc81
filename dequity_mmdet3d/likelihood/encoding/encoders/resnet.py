"""ResNets of torchvision; the paper used an ImageNet ResNet-101.

Shape letters: B batch, D embedding size.
"""
from __future__ import annotations

from pathlib import Path

import torch

from ....messages import first_five
from ...choices import DEFAULT_ENCODER, FEATURES
from .base import (
    Squash,
    checked_dim,
    load_tensors,
    normalise,
    pick_device,
    place,
    weights_fingerprint,
)
from .precision import DTYPES, pick_precision
from .stages import StageReader, find_stages, join_stages

# Of ImageNet, as torchvision's own transforms have them
_MEAN = [255 * m for m in (0.485, 0.456, 0.406)]
_STD = [255 * s for s in (0.229, 0.224, 0.225)]
_FIXES = ('give --pretrained a file with its state_dict(), copied here, or '
          f'leave --encoder out to use the embedded {DEFAULT_ENCODER}')


class ResNetEncoder:
    """Pooled features in front of the classifier; D = 2048 from resnet50 on.

    Args:
        name (str): A classifier of torchvision whose name starts with
            'resnet'.
        pretrained (str): The name of its published weights, which are
            fetched, or a local file with its state dict.
        device (str, optional): See :func:`.base.pick_device`.
        precision (str, optional): See :func:`.precision.pick_precision`.
        features (str): One of :data:`.choices.FEATURES`.

    Raises:
        ValueError: If the name or weights are unknown, the file does not
            fit, or there is no such device or precision.
        ImportError: If torchvision is missing.
        OSError: If the weights cannot be fetched.
    """
    preprocess = Squash((224, 224), 'bilinear')

    def __init__(self, name: str, pretrained: str | None,
                 device: str | None = None, precision: str | None = None,
                 features: str = FEATURES[0]):
        models = _torchvision_models()
        build = _builder(models, name)
        self.name = name
        state, self.pretrained = _state(models, name, pretrained)
        self.device = pick_device(device)
        self.precision = pick_precision(precision, self.device)
        net = _fill(build, name, state, pretrained)
        self.fingerprint = weights_fingerprint(net)
        net.fc = torch.nn.Identity()
        self._net = place(net, self.device, self.precision)
        self.features = features
        self._stages = None
        if features == 'stages':
            # at the top level the activation runs after the stem alone
            self._stages = StageReader([net.relu, *find_stages(net)])
        self.dim = checked_dim(self, self.device, self.precision)

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        """(B, 3, 224, 224) uint8 to (B, D) float32."""
        x = normalise(batch, _MEAN, _STD, DTYPES[self.precision])
        if self._stages is None:
            return self._net(x).float()
        return join_stages(self._stages.run(self._net, x)[0])


def _torchvision_models():
    try:
        from torchvision import models
    except ImportError as e:
        raise ImportError(
            f'the ResNet encoders need torchvision, which cannot be imported '
            f'({e}); install the one that belongs to your torch') from e
    return models


def _builder(models, name):
    known = sorted(
        n for n in vars(models)
        if n.startswith('resnet') and callable(getattr(models, n)))
    if name not in known:
        raise ValueError(f'unknown encoder {name!r}; torchvision has '
                         f'{", ".join(known)}')
    return getattr(models, name)


def _state(models, name, pretrained):
    """The state dict and what to call it."""
    # torchvision before 0.13 has no such class
    tags = getattr(models, f'{name.replace("resnet", "ResNet")}_Weights', None)
    known = list(tags.__members__) if tags is not None else []
    if pretrained in known and pretrained != 'DEFAULT':
        try:
            return tags[pretrained].get_state_dict(
                progress=False, check_hash=True), pretrained
        except (OSError, RuntimeError) as e:
            raise OSError(
                f'the weights {pretrained!r} of encoder {name!r} could not be '
                f'fetched ({str(e).splitlines()[0]}); {_FIXES}') from e
    if pretrained and Path(pretrained).is_file():
        return load_tensors(pretrained), Path(pretrained).name
    some = first_five([tag for tag in known if tag != 'DEFAULT'])
    if not pretrained:
        raise ValueError(
            f'encoder {name!r} needs --pretrained, because embeddings of '
            f'random weights mean nothing; known tags: {some}; or {_FIXES}')
    raise ValueError(f'--pretrained {pretrained!r} must be an existing file '
                     f'or a tag of encoder {name!r}: {some}; or {_FIXES}')


def _fill(build, name, state, pretrained):
    try:
        # a fine-tuned classifier may know more or fewer classes
        classes = len(state['fc.bias'])
        net = build(num_classes=classes)
        net.load_state_dict(state)
    except (RuntimeError, KeyError, TypeError, AttributeError) as e:
        reason = ' '.join(str(e).split())
        reason = reason[:200] + '...' if len(reason) > 200 else reason
        raise ValueError(
            f'checkpoint {pretrained} does not fit encoder {name!r} '
            f'({reason}); give the state_dict() of that model') from e
    return net
