"""The walls between the rooms."""
import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / 'dequity_mmdet3d'
OFFLINE = ('cli', 'machine', 'messages', 'processes', 'provenance',
           'sample_ids', 'table', 'table_file', 'weight', 'whole_file',
           'likelihood', 'weighting', 'export', 'report')

# Any import of the host is an error, however deep it is hidden.
BLOCK = '''
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in ('mmdet3d', 'mmdet', 'mmcv') or (
                name == 'mmengine.runner'):
            raise ImportError('blocked: ' + name)

sys.meta_path.insert(0, Block())
'''


def run(code):
    return subprocess.run([sys.executable, '-c', code], text=True,
                          capture_output=True, cwd=PACKAGE.parent)


def modules_of(room):
    path = PACKAGE / room
    files = path.rglob('*.py') if path.is_dir() else [
        path.with_suffix('.py')]
    for file in sorted(files):
        parts = file.relative_to(PACKAGE.parent).with_suffix('').parts
        yield '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


def test_offline_rooms_import_without_the_host():
    for package in ('torch', 'pyarrow', 'PIL', 'tqdm'):
        pytest.importorskip(package)
    names = [name for room in OFFLINE for name in modules_of(room)]
    assert 'dequity_mmdet3d.likelihood.encoding.encoders.clip' in names
    lines = '\n'.join(f'import {name}' for name in names)
    done = run(BLOCK + lines + '\nprint("fine")')
    assert done.stdout == 'fine\n', done.stderr


def test_the_block_blocks():
    done = run(BLOCK + 'import mmdet3d.structures')
    assert 'blocked: mmdet3d' in done.stderr


@pytest.mark.parametrize('name', ['dequity_mmdet3d',
                                  'dequity_mmdet3d.likelihood',
                                  'dequity_mmdet3d.likelihood.arguments'])
def test_importing_a_package_loads_nothing_heavy(name):
    heavy = ('torch', 'numpy', 'mmengine', 'mmdet3d', 'mmcv', 'faiss',
             'pyarrow', 'PIL')
    done = run(f'import sys, {name}; '
               f'print([m for m in {heavy} if m in sys.modules])')
    assert done.stdout == '[]\n', done.stderr


def imported(file):
    """Absolute names of everything that a file imports, at any depth."""
    package = file.relative_to(PACKAGE.parent).parts[:-1]
    for node in ast.walk(ast.parse(file.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[:len(package) - node.level + 1]
            base = '.'.join(base) if node.level else ''
            module = '.'.join(p for p in (base, node.module) if p)
            yield from (f'{module}.{alias.name}' for alias in node.names)


FORBIDDEN = {
    'likelihood': ('dequity_mmdet3d.plugin', 'mmdet3d', 'mmdet', 'mmcv',
                   'mmengine.runner'),
    # which images, and numbers at rest: no network is needed for either
    'likelihood/samples': ('torch', ),
    'likelihood/embeddings': ('torch', ),
    'likelihood/clustering': tuple(
        f'dequity_mmdet3d.likelihood.{room}'
        for room in ('samples', 'encoding', 'embeddings', 'estimation')),
    'plugin': ('dequity_mmdet3d.likelihood', 'dequity_mmdet3d.compare',
               'demo'),
    # for trainers that are not mmengine's
    'weighting': ('dequity_mmdet3d.plugin', 'dequity_mmdet3d.likelihood',
                  'mmdet3d', 'mmdet', 'mmcv', 'mmengine'),
    # trains by the tools, and so shows what a user gets
    'compare': ('dequity_mmdet3d.plugin', 'mmdet3d', 'mmdet', 'mmcv',
                'mmengine.runner'),
    'export': ('dequity_mmdet3d.plugin', 'mmdet3d', 'mmdet', 'mmcv',
               'mmengine'),
    'report': ('dequity_mmdet3d.plugin', 'mmdet3d', 'mmdet', 'mmcv',
               'mmengine'),
    'sample_ids.py': ('dequity_mmdet3d.plugin',
                      'dequity_mmdet3d.likelihood'),
    'provenance.py': ('dequity_mmdet3d.plugin', 'dequity_mmdet3d.likelihood'),
    'table.py': ('dequity_mmdet3d.plugin', 'dequity_mmdet3d.likelihood'),
    'table_file.py': ('dequity_mmdet3d.plugin', 'dequity_mmdet3d.likelihood'),
    'weight.py': ('dequity_mmdet3d.', ),
}


@pytest.mark.parametrize('room', FORBIDDEN)
def test_walls(room):
    path = PACKAGE / room
    files = sorted(path.rglob('*.py')) if path.is_dir() else [path]
    assert files
    for file in files:
        for name in imported(file):
            assert not (name + '.').startswith(
                tuple(f'{wall.rstrip(".")}.' for wall in FORBIDDEN[room])), (
                    f'{file.name} imports {name}')


def test_walls_see_relative_imports():
    names = set(imported(PACKAGE / 'likelihood' / 'encoding' / 'encoders' /
                         'clip.py'))
    assert 'dequity_mmdet3d.messages.first_five' in names
    assert 'dequity_mmdet3d.likelihood.encoding.encoders.base.Squash' in names
