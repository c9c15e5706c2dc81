"""The checks of a GPU, where there is none: the CPU against itself."""
import re

import pytest
import torch

from dequity_mmdet3d import gpu_test
from dequity_mmdet3d.commands import doctor
from dequity_mmdet3d.gpu_test import (
    FAILED,
    OK,
    SKIPPED,
    Check,
    Skip,
    all_checks,
    offline,
    run_checks,
    training,
)
from tests.helpers import ROOT

CPU = torch.device('cpu')
# what a CPU cannot even compare with itself
GPU_ALONE = {'memory', 'mixed training', 'rotated IoU'}


def test_all_hold_on_the_cpu(monkeypatch):
    pytest.importorskip('mmdet3d')
    monkeypatch.setattr(offline, 'IMAGES', 4)
    monkeypatch.setattr(offline, 'BATCH', 2)
    outcomes = {o.check.name: o for o in run_checks(CPU)}
    assert len(outcomes) == len(all_checks())
    assert {n for n, o in outcomes.items() if o.state == SKIPPED} == GPU_ALONE
    assert {n for n, o in outcomes.items() if o.state == OK} == (
        {*outcomes} - GPU_ALONE), outcomes


def test_a_wrong_gradient_is_found(monkeypatch):
    from dequity_mmdet3d.weighting.gradient import ScaleGradient
    monkeypatch.setattr(
        ScaleGradient, 'backward',
        staticmethod(lambda ctx, g: (g * ctx.saved_tensors[0]**2, None)))
    with pytest.raises(ValueError, match='gradient is off by'):
        training.weighted_gradient(CPU)


def test_wrong_clusters_are_found(monkeypatch):
    pytest.importorskip('faiss')
    from dequity_mmdet3d.likelihood.clustering import faiss_kmeans
    monkeypatch.setattr(
        faiss_kmeans, 'kmeans', lambda rows, k: torch.arange(
            len(rows)).numpy() % k)
    with pytest.raises(ValueError, match='spread within its cells'):
        offline.faiss_kmeans(CPU)


def test_a_generator_that_moves_is_found(monkeypatch):
    import contextlib

    from dequity_mmdet3d.weighting import randomness
    monkeypatch.setattr(randomness, 'no_trace', contextlib.nullcontext)
    with pytest.raises(ValueError, match='has moved'):
        training.random_state(CPU)


def checks_of(monkeypatch, *runs):
    checks = tuple(Check(f'check {i}', '', run)
                   for i, run in enumerate(runs))
    monkeypatch.setattr(gpu_test, 'all_checks', lambda: checks)


def broken(device):
    raise RuntimeError('CUDA error: an illegal memory access')


def absent(device):
    raise Skip('none here')


def test_one_failure_stops_no_other(monkeypatch, capsys):
    checks_of(monkeypatch, broken, absent, str)
    assert [o.state for o in run_checks(CPU)] == [FAILED, SKIPPED, OK]
    assert doctor.check_gpu('cpu') == 1
    text = capsys.readouterr().out
    assert 'CUDA error: an illegal' in text and 'none here' in text
    assert text.splitlines()[-1].split(maxsplit=1) == [
        'GPU', 'not all is right: check 0']


def test_all_is_well(monkeypatch, capsys):
    checks_of(monkeypatch, str)
    assert doctor.check_gpu('cpu') is None
    assert capsys.readouterr().out.endswith('all that was checked holds\n')


def test_without_a_gpu():
    if torch.cuda.is_available():
        pytest.skip('there is a GPU')
    with pytest.raises(ValueError, match="device 'cuda' cannot be used here"):
        doctor.check_gpu('cuda')


def test_the_documentation_lists_each_check():
    text = (ROOT / 'docs/gpu.md').read_text()
    assert re.findall(r'^\| `([^`]*)` \|', text, re.M) == [
        check.name for check in all_checks()]
