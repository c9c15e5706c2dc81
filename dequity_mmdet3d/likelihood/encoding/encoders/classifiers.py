"""Classifiers of torchvision; the paper used an ImageNet ResNet-101.

Shape letters: B batch, H and W input size in pixels, D embedding size.
"""
from __future__ import annotations

import difflib
import math
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
from .find_stages import find_stages
from .precision import DTYPES, pick_precision
from .stages import StageReader, join_stages

# In front of a name, where open_clip has one of that name too
PREFIX = 'torchvision/'
# Names that open_clip has too, and which were its alone at first
_OF_OPEN_CLIP = 'convnext_'
# Of ImageNet, for a model without published weights
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)
# Their published weights come from TensorFlow, and want its pixels; the slow
# draw of first weights is left out
_PORTED = ('googlenet', 'inception_v3')
_FIXES = ('give --pretrained a file with its state_dict(), copied here, or '
          f'leave --encoder out to use the embedded {DEFAULT_ENCODER}')


class TorchvisionEncoder:
    """Any classifier of torchvision without its last layer.

    Mean, standard deviation, input size and interpolation are those of the
    published weights; of the first of them for a file, and the size that a
    vision transformer's positions tell. Its crop is not used, see
    :class:`.base.Squash`.

    Args:
        name (str): One of :func:`classifiers`, with ``PREFIX`` or without.
        pretrained (str): The name of its published weights, which are
            fetched, or a local file with its state dict.
        device (str, optional): See :func:`.base.pick_device`.
        precision (str, optional): See :func:`.precision.pick_precision`.
        features (str): One of :data:`.choices.FEATURES`. Pooled, D = 2048
            from resnet50 on.

    Raises:
        ValueError: If the name or weights are unknown, the file does not
            fit, or there is no such device or precision.
        ImportError: If torchvision is missing.
        OSError: If the weights cannot be fetched.
    """

    def __init__(self, name: str, pretrained: str | None,
                 device: str | None = None, precision: str | None = None,
                 features: str = FEATURES[0]):
        models = _torchvision_models()
        model = name.removeprefix(PREFIX)
        known = classifiers()
        if model not in known:
            near = difflib.get_close_matches(model, known, 5, 0.4)
            raise ValueError(
                f'unknown encoder {name!r}; of the {len(known)} classifiers '
                f'of torchvision, {", ".join(near) or "none"} is near')
        self.name = name
        tags = models.get_model_weights(model)
        state, self.pretrained = _state(tags, name, pretrained)
        self.device = pick_device(device)
        self.precision = pick_precision(precision, self.device)
        net, head = _fill(models, model, state, pretrained)
        self.fingerprint = weights_fingerprint(net)
        published = tags.__members__.get(pretrained) or next(iter(tags), None)
        self.preprocess, self._mean, self._std = _presets(published, net)
        parent, _, last = head.rpartition('.')
        setattr(net.get_submodule(parent), last, torch.nn.Identity())
        self._net = place(net, self.device, self.precision)
        self.features = features
        self._stages = None
        if features == 'stages':
            width, height = self.preprocess.size
            blank = torch.zeros(1, 3, height, width, device=self.device,
                                dtype=DTYPES[self.precision])
            self._stages = StageReader(
                find_stages(self._net, self._net, blank))
        self.dim = checked_dim(self, self.device, self.precision)

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) uint8 to (B, D) float32."""
        x = normalise(batch, self._mean, self._std, DTYPES[self.precision])
        if self._stages is None:
            return self._net(x).float()
        return join_stages(self._stages.run(self._net, x)[0])


def is_classifier(name: str) -> bool:
    """Whether a name is torchvision's, and not open_clip's.

    Args:
        name (str): An encoder's.

    Returns:
        bool: True for all that could be a ResNet, so that the error for one
        that does not exist names those that do.
    """
    if name.startswith((PREFIX, 'resnet')):
        return True
    if name.startswith(_OF_OPEN_CLIP):
        return False
    try:
        return name in classifiers()
    except ImportError:  # then open_clip may know it
        return False


def classifiers() -> list[str]:
    """Names of all classifiers of torchvision.

    Returns:
        list[str]: Sorted.

    Raises:
        ImportError: If torchvision is missing.
    """
    models = _torchvision_models()
    return sorted(models.list_models(module=models))


def _torchvision_models():
    try:
        from torchvision import models
    except ImportError as e:
        raise ImportError(
            f'the encoders of torchvision need it, but it cannot be imported '
            f'({e}); install the one that belongs to your torch') from e
    return models


def _state(tags, name, pretrained):
    """The state dict and what to call it."""
    # DEFAULT is another one in another version
    known = [tag for tag in tags.__members__ if tag != 'DEFAULT']
    if pretrained in known:
        try:
            return tags[pretrained].get_state_dict(
                progress=False, check_hash=True), pretrained
        except (OSError, RuntimeError) as e:
            raise OSError(
                f'the weights {pretrained!r} of encoder {name!r} could not be '
                f'fetched ({str(e).splitlines()[0]}); {_FIXES}') from e
    if pretrained and Path(pretrained).is_file():
        return load_tensors(pretrained), Path(pretrained).name
    some = first_five(known)
    if not pretrained:
        raise ValueError(
            f'encoder {name!r} needs --pretrained, because embeddings of '
            f'random weights mean nothing; known tags: {some}; or {_FIXES}')
    raise ValueError(f'--pretrained {pretrained!r} must be an existing file '
                     f'or a tag of encoder {name!r}: {some}; or {_FIXES}')


def _fill(models, name, state, pretrained):
    """The network with its weights, and the name of its last layer."""
    build, settings = getattr(models, name), {}
    try:
        if name in _PORTED:
            settings.update(
                transform_input=True, init_weights=False,
                aux_logits=any('aux' in key.lower() for key in state))
        positions = state.get('encoder.pos_embedding')
        if positions is not None:  # one for each patch, and the class's
            settings['image_size'] = math.isqrt(
                positions.shape[1] - 1) * state['conv_proj.weight'].shape[-1]
        net = build(**settings)
        # what classifies stands last in every one of them; fine-tuned, it
        # may know more or fewer classes
        *_, (last, weight) = net.state_dict().items()
        if len(state[last]) != len(weight):
            net = build(num_classes=len(state[last]), **settings)
        net.load_state_dict(state)
    except (RuntimeError, KeyError, TypeError, AttributeError, ValueError,
            IndexError) as e:
        reason = ' '.join(str(e).split())
        reason = reason[:200] + '...' if len(reason) > 200 else reason
        raise ValueError(
            f'checkpoint {pretrained} does not fit encoder {name!r} '
            f'({reason}); give the state_dict() of that model') from e
    return net, last.rpartition('.')[0]


def _presets(published, net):
    """Squash, mean and standard deviation, in the unit of the pixels."""
    size, resample, mean, std = (224, 224), 'bilinear', _MEAN, _STD
    if published is not None:
        found = published.transforms()
        side = found.crop_size[0]
        size, resample = (side, side), found.interpolation.value
        mean, std = found.mean, found.std
    side = getattr(net, 'image_size', None)  # vision transformers
    if side is not None:
        size = (side, side)
    return (Squash(size, resample), [255 * m for m in mean],
            [255 * s for s in std])
