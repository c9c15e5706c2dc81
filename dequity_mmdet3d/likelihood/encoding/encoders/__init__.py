"""Encoders: from images to embeddings."""
from ...choices import DEFAULT_ENCODER, FEATURES
from .base import Encoder, pick_device
from .lite import EfficientNetLite0

__all__ = ['Encoder', 'build_encoder', 'pick_device']


def build_encoder(name=DEFAULT_ENCODER,
                  pretrained=None,
                  device=None,
                  precision=None,
                  features=FEATURES[0]):
    """Build an encoder with its weights.

    Args:
        name (str): 'efficientnet_lite0', which needs no download, a
            classifier of torchvision such as 'resnet101', or a model of
            open_clip such as 'ViT-B-32'. Names that both have are
            open_clip's; 'torchvision/convnext_tiny' is the other one.
        pretrained (str, optional): For the latter two: a tag such as
            'IMAGENET1K_V2' or 'laion2b_s34b_b79k', or a local file.
        device (str, optional): None takes cuda where there is one.
        precision (str, optional): See :func:`.precision.pick_precision`.
        features (str): 'stages' for the channels' means and standard
            deviations in all stages of the network (:mod:`.stages`),
            'pooled' for its last layer alone.

    Returns:
        Encoder: Ready to encode.

    Raises:
        ValueError: If the name, the weights, the device, the precision or
            the features are unknown.
        ImportError: If the encoder needs a package that is missing.
        OSError: If weights cannot be fetched.
    """
    if features not in FEATURES:
        raise ValueError(f'features must be one of {FEATURES}, but got '
                         f'{features!r}')
    if name == DEFAULT_ENCODER:
        if pretrained is not None:
            raise ValueError(
                f'encoder {DEFAULT_ENCODER!r} brings its own weights, but '
                f'--pretrained is {pretrained!r}; leave it out, or name the '
                'model that it belongs to with --encoder')
        return EfficientNetLite0(device, precision, features)
    # not at the top: importing torchvision or open_clip takes seconds
    from .classifiers import TorchvisionEncoder, is_classifier
    if is_classifier(name):
        return TorchvisionEncoder(name, pretrained, device, precision,
                                  features)
    from .clip import OpenClipEncoder
    return OpenClipEncoder(name, pretrained, device, precision, features)
