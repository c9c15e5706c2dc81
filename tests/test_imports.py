"""What each part of the package may not import."""
import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / 'dequity_mmdet3d'
OFFLINE = ('cli', 'commands', 'config_files', 'figures', 'machine',
           'messages', 'processes', 'provenance', 'sample_ids', 'strata',
           'table', 'table_file', 'tags', 'weight', 'weighted_config', 'whole_file',
           'likelihood', 'weighting', 'compare', 'export', 'report')
HOST = ('mmdet3d', 'mmdet', 'mmcv')

# Any import of these is an error, however deep it is hidden.
_BLOCK = '''
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {names} or name == 'mmengine.runner':
            raise ImportError('blocked: ' + name)

sys.meta_path.insert(0, Block())
'''


def block(*names):
    """Code that makes imports of these packages an error."""
    return _BLOCK.format(names=names)


def run(code):
    return subprocess.run([sys.executable, '-c', code], text=True,
                          capture_output=True, cwd=PACKAGE.parent)


def modules_of(part):
    path = PACKAGE / part
    files = path.rglob('*.py') if path.is_dir() else [
        path.with_suffix('.py')]
    for file in sorted(files):
        parts = file.relative_to(PACKAGE.parent).with_suffix('').parts
        yield '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


def test_offline_parts_import_without_the_host():
    for package in ('torch', 'pyarrow', 'PIL', 'tqdm'):
        pytest.importorskip(package)
    names = [name for part in OFFLINE for name in modules_of(part)]
    assert 'dequity_mmdet3d.likelihood.encoding.encoders.clip' in names
    lines = '\n'.join(f'import {name}' for name in names)
    done = run(block(*HOST) + lines + '\nprint("fine")')
    assert done.stdout == 'fine\n', done.stderr


def test_what_shows_a_table_needs_no_torch():
    names = [name for part in ('report', 'export', 'compare', 'figures')
             for name in modules_of(part)]
    assert 'dequity_mmdet3d.report.page' in names
    lines = '\n'.join(f'import {name}' for name in names)
    # and what the page asks the offline half, within its functions
    lines += '''
from dequity_mmdet3d.report import content
from dequity_mmdet3d.likelihood.catalog import open_catalog
content.bad_images('no.parquet')
content.stability({})
print('fine')'''
    done = run(block(*HOST, 'torch', 'mmengine') + lines)
    assert done.stdout == 'fine\n', done.stderr


@pytest.mark.parametrize('name', ['mmdet3d.structures', 'torch.nn'])
def test_the_block_blocks(name):
    done = run(block(*HOST, 'torch') + f'import {name}')
    assert f'blocked: {name.split(".")[0]}' in done.stderr


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
    # all of it
    '': ('demo', 'tests', 'tools'),
    'likelihood': ('dequity_mmdet3d.plugin', 'mmdet3d', 'mmdet', 'mmcv',
                   'mmengine.runner'),
    # which images, and numbers at rest: no network is needed for either
    'likelihood/samples': ('torch', ),
    'likelihood/embeddings': ('torch', ),
    'likelihood/clustering': tuple(
        f'dequity_mmdet3d.likelihood.{part}'
        for part in ('samples', 'encoding', 'embeddings', 'estimation')),
    'plugin': ('dequity_mmdet3d.likelihood', 'dequity_mmdet3d.compare'),
    # for trainers that are not mmengine's
    'weighting': ('dequity_mmdet3d.plugin', 'dequity_mmdet3d.likelihood',
                  'mmdet3d', 'mmdet', 'mmcv', 'mmengine'),
    # trains by the tools, and so shows what a user gets
    'compare': ('dequity_mmdet3d.plugin', *HOST, 'mmengine', 'torch'),
    'export': ('dequity_mmdet3d.plugin', *HOST, 'mmengine', 'torch'),
    'report': ('dequity_mmdet3d.plugin', *HOST, 'mmengine', 'torch'),
    'figures.py': ('dequity_mmdet3d.plugin', 'dequity_mmdet3d.likelihood',
                   *HOST, 'mmengine', 'torch', 'numpy'),
    'strata.py': ('dequity_mmdet3d.', *HOST, 'mmengine', 'torch'),
    'sample_ids.py': ('dequity_mmdet3d.plugin',
                      'dequity_mmdet3d.likelihood'),
    'provenance.py': ('dequity_mmdet3d.plugin', 'dequity_mmdet3d.likelihood'),
    'table.py': ('dequity_mmdet3d.plugin', 'dequity_mmdet3d.likelihood'),
    'table_file.py': ('dequity_mmdet3d.plugin', 'dequity_mmdet3d.likelihood'),
    'weight.py': ('dequity_mmdet3d.', ),
}


@pytest.mark.parametrize('part', FORBIDDEN)
def test_no_forbidden_import(part):
    path = PACKAGE / part
    files = sorted(path.rglob('*.py')) if path.is_dir() else [path]
    assert files
    for file in files:
        for name in imported(file):
            assert not (name + '.').startswith(
                tuple(f'{n.rstrip(".")}.' for n in FORBIDDEN[part])), (
                    f'{file.name} imports {name}')


def test_relative_imports_are_seen():
    names = set(imported(PACKAGE / 'likelihood' / 'encoding' / 'encoders' /
                         'clip.py'))
    assert 'dequity_mmdet3d.messages.first_five' in names
    assert 'dequity_mmdet3d.likelihood.encoding.encoders.base.Squash' in names


def test_contributing_tells_of_all_parts():
    text = (PACKAGE.parent / 'CONTRIBUTING.md').read_text(encoding='utf-8')
    parts = {part for part in FORBIDDEN if part and '.' not in part}
    assert {part for part in parts if f'`{part}/`' in text} == parts
