"""Encoders: from images to embeddings."""
from .base import Encoder, pick_device
from .lite import NAME as DEFAULT_ENCODER
from .lite import EfficientNetLite0

__all__ = ['DEFAULT_ENCODER', 'Encoder', 'build_encoder', 'pick_device']


def build_encoder(name=DEFAULT_ENCODER, pretrained=None, device=None):
    """Build an encoder with its weights.

    Args:
        name (str): 'efficientnet_lite0', which needs no download, or a
            model of open_clip such as 'ViT-B-32'.
        pretrained (str, optional): For open_clip: a tag such as
            'laion2b_s34b_b79k', or a local checkpoint file.
        device (str, optional): None takes cuda where there is one.

    Returns:
        Encoder: Ready to encode.

    Raises:
        ValueError: If the name, the weights or the device is unknown.
        ImportError: If the encoder needs a package that is missing.
        OSError: If weights cannot be fetched.
    """
    if name == DEFAULT_ENCODER:
        if pretrained is not None:
            raise ValueError(
                f'encoder {DEFAULT_ENCODER!r} brings its own weights, but '
                f'--pretrained is {pretrained!r}; leave it out, or name the '
                'open_clip model that it belongs to with --encoder')
        return EfficientNetLite0(device)
    # not at the top: importing open_clip takes seconds
    from .clip import OpenClipEncoder
    return OpenClipEncoder(name, pretrained, device)
