"""Encoders of open_clip, with weights by tag or from a local file.

Shape letters: B batch, D embedding size.
"""
from __future__ import annotations

import contextlib
import difflib
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

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
from .classifiers import PREFIX, classifiers
from .find_stages import find_stages
from .precision import DTYPES, pick_precision
from .stages import StageReader, join_stages

_FIXES = ('give --pretrained a checkpoint file that you have copied here, or '
          f'leave --encoder out to use the embedded {DEFAULT_ENCODER}')


class OpenClipEncoder:
    """The image tower of an open_clip model.

    Its own mean, standard deviation, input size and interpolation are used;
    its crop is not, see :class:`.base.Squash`.

    Args:
        name (str): One of ``open_clip.list_models()``.
        pretrained (str): A tag of ``open_clip.list_pretrained()``, whose
            weights are fetched, or a local checkpoint file.
        device (str, optional): See :func:`.base.pick_device`.
        precision (str, optional): See :func:`.precision.pick_precision`.
        features (str): One of :data:`.choices.FEATURES`; the image's own
            embedding is the last of the stages.

    Raises:
        ValueError: If the name or tag is unknown, the file does not fit, or
            there is no such device or precision.
        ImportError: If open_clip, or what this model needs, is missing.
        OSError: If the weights cannot be fetched.
    """

    def __init__(self, name: str, pretrained: str | None,
                 device: str | None = None, precision: str | None = None,
                 features: str = FEATURES[0]):
        open_clip = _open_clip(name)
        _check_name(open_clip, name)
        local = _check_pretrained(open_clip, name, pretrained)
        self.name = name
        self.pretrained = (Path(pretrained).name
                           if pretrained and local else pretrained)
        self.device = pick_device(device)
        self.precision = pick_precision(precision, self.device)
        if local:
            _check_checkpoint(pretrained)
        model = _create(open_clip, name, pretrained, local)
        cfg = dict(open_clip.get_model_preprocess_cfg(model))
        if local:
            cfg.update(_usual_normalisation(open_clip, name))
        size = cfg.get('size', 224)
        height, width = (size, size) if isinstance(size, int) else size
        self.preprocess = Squash((width, height),
                                 cfg.get('interpolation', 'bicubic'))
        self._mean = [255 * m for m in cfg['mean']]
        self._std = [255 * s for s in cfg['std']]
        self.fingerprint = weights_fingerprint(model.visual)
        self._model = place(model, self.device, self.precision)
        self.features = features
        self._stages = None
        if features == 'stages':
            blank = torch.zeros(1, 3, height, width, device=self.device,
                                dtype=DTYPES[self.precision])
            self._stages = StageReader(find_stages(
                model.visual, model.encode_image, blank))
        self.dim = checked_dim(self, self.device, self.precision)

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) uint8 to (B, D) float32."""
        x = normalise(batch, self._mean, self._std, DTYPES[self.precision])
        if self._stages is None:
            return self._model.encode_image(x).float()
        parts, last = self._stages.run(self._model.encode_image, x)
        return join_stages([*parts, last.float()])


    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Texts in the space of images.

        Args:
            texts (Sequence[str]): T of them.

        Returns:
            np.ndarray: (T, E) float32 of length 1, to be compared with the
            last E numbers of an image's embedding: by both kinds of features
            its end is what ``encode_image`` gives.

        Raises:
            OSError: If what cuts texts into tokens cannot be fetched.
        """
        import open_clip
        try:
            with _quiet(Path(open_clip.__file__).parent):
                tokens = open_clip.get_tokenizer(self.name)(list(texts))
        except (ImportError, OSError, ValueError, RuntimeError) as e:
            raise OSError(
                f'what reads texts for encoder {self.name!r} could not be '
                f'fetched ({" ".join(str(e).split())[:200]}); give --names '
                'none') from e
        with torch.inference_mode():
            found = self._model.encode_text(tokens.to(self.device))
        return F.normalize(found.float(), dim=1).cpu().numpy()


def _open_clip(name):
    try:
        import open_clip
    except ImportError as e:
        raise ImportError(
            f'encoder {name!r} needs open_clip, which cannot be imported '
            f"({e}); pip install 'dequity_mmdet3d[clip]'") from e
    return open_clip


def _check_name(open_clip, name):
    known = open_clip.list_models()
    if name not in known:
        lower = {k.lower(): k for k in [DEFAULT_ENCODER, *known]}
        near = difflib.get_close_matches(name.lower(), lower, 3, 0.4)
        raise ValueError(
            f'unknown encoder {name!r}; did you mean '
            f'{" or ".join(repr(lower[n]) for n in near)}?' if near else
            f'unknown encoder {name!r}; known are {DEFAULT_ENCODER!r}, the '
            f'{len(classifiers())} classifiers of torchvision and the '
            f'{len(known)} of open_clip.list_models()')


def _check_pretrained(open_clip, name, pretrained):
    """Is it a local file? Raise unless it is that or a known tag."""
    tags = open_clip.list_pretrained_tags_by_model(name)
    some = first_five(tags) if tags else 'none'
    if not pretrained:
        raise ValueError(
            f'encoder {name!r} needs --pretrained, because embeddings of '
            f'random weights mean nothing; known tags: {some}; or {_FIXES}')
    if open_clip.get_pretrained_cfg(name, pretrained):
        return False
    if Path(pretrained).is_file():
        return True
    other = (f'; {PREFIX}{name} is the model of torchvision'
             if name in classifiers() else '')
    raise ValueError(
        f'--pretrained {pretrained!r} must be an existing file or a tag of '
        f'encoder {name!r}: {some}; or {_FIXES}{other}')


def _usual_normalisation(open_clip, name):
    # A file does not say how its images were normalised. Where all published
    # weights of the model agree (SigLIP: 0.5), so will this one.
    tags = open_clip.list_pretrained_tags_by_model(name)
    cfgs = [open_clip.get_pretrained_cfg(name, tag) for tag in tags]
    found = {(tuple(c['mean']), tuple(c['std']))
             for c in cfgs if c.get('mean') and c.get('std')}
    if len(found) != 1:
        return {}
    return dict(zip(('mean', 'std'), found.pop()))


def _check_checkpoint(path):
    # open_clip falls back to torch's unsafe reader when the safe one raises
    # TypeError, which a crafted file could provoke; so read it safely first
    if Path(path).suffix != '.safetensors':
        load_tensors(path)


def _create(open_clip, name, pretrained, local):
    try:
        # it also logs what it raises; one line is enough
        with _quiet(Path(open_clip.__file__).parent):
            return open_clip.create_model(
                name, pretrained, precision='fp32', device='cpu',
                weights_only=True, require_pretrained=True)
    except ImportError as e:
        raise ImportError(f'encoder {name!r} needs another package: '
                          f'{e}') from e
    except (RuntimeError, OSError, KeyError, ValueError, TypeError,
            AttributeError, StopIteration) as e:
        reason = ' '.join(str(e).split())
        reason = reason[:200] + '...' if len(reason) > 200 else reason
        if local:
            raise ValueError(
                f'checkpoint {pretrained} does not fit encoder {name!r} '
                f'({reason}); give the checkpoint of that model') from e
        raise OSError(
            f'the weights {pretrained!r} of encoder {name!r} could not be '
            f'fetched ({reason}); {_FIXES}') from e


@contextlib.contextmanager
def _quiet(folder):
    """Without the log of open_clip and of the hub; all others' goes on.

    Args:
        folder (Path): Of open_clip's modules, which log by the root logger.
    """

    def is_anothers(record):
        return folder not in Path(record.pathname).parents

    root, hub = logging.getLogger(), logging.getLogger('huggingface_hub')
    level = hub.level
    root.addFilter(is_anothers)
    hub.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        hub.setLevel(level)
        root.removeFilter(is_anothers)
