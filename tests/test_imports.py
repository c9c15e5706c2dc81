"""What each part of the package may not import."""
import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / 'dequity_mmdet3d'
# all but what is registered in MMDetection3D
OFFLINE = [
    *(path.stem for path in sorted(PACKAGE.glob('[!_]*.py'))),
    *(path.parent.name for path in sorted(PACKAGE.glob('*/__init__.py'))
      if path.parent.name != 'plugin')
]
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
    parts = ('report', 'export', 'recommend', 'compare', 'figures')
    names = [name for part in parts for name in modules_of(part)]
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


@pytest.mark.parametrize('name', [
    'dequity_mmdet3d', 'dequity_mmdet3d.likelihood',
    'dequity_mmdet3d.likelihood.arguments', *modules_of('commands')])
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


# what the table of CONTRIBUTING.md says, in names of modules
NAMES = {
    'MMDetection3D': ('mmdet3d', 'mmdet'),
    "mmengine's runner": ('mmengine.runner', ),
    'any module of the package': ('dequity_mmdet3d', ),
    'any part': tuple(
        f'dequity_mmdet3d.{path.parent.name}'
        for path in PACKAGE.glob('*/__init__.py')),
    'any other part of likelihood': tuple(
        f'dequity_mmdet3d.likelihood.{path.parent.name}'
        for path in PACKAGE.glob('likelihood/*/__init__.py')
        if path.parent.name != 'clustering'),
    # at once; later they load what their work needs
    'anything heavy before the arguments are parsed': (),
    **{f'`{name}`': (name, ) for name in ('demo', 'tests', 'tools')},
    **{f'`{name}`': (f'dequity_mmdet3d.{name}', )
       for name in ('plugin', 'likelihood', 'compare')},
    **{name: (name, ) for name in ('mmcv', 'mmengine', 'numpy', 'torch')},
}


def read_table():
    """The modules that each part may not import, from CONTRIBUTING.md."""
    text = (PACKAGE.parent / 'CONTRIBUTING.md').read_text(encoding='utf-8')
    rows = text.split('| part | what it does | never imports |\n')[1]
    table = {}
    for row in rows.split('\n\n')[0].splitlines()[1:]:
        parts, _, never = row.strip('| ').split(' | ')
        for part in parts.split(', '):
            table[part.strip('`')] = [
                name for word in never.split(', ') for name in NAMES[word]]
    return table


FORBIDDEN = read_table()


def files_of(part):
    if part == 'dequity_mmdet3d/':
        return sorted(PACKAGE.rglob('*.py'))
    if part.endswith('/'):
        return sorted((PACKAGE / part).rglob('*.py'))
    # __main__.py is the command
    return [path for path in sorted(PACKAGE.glob(part))
            if path.name != '__main__.py']


@pytest.mark.parametrize('part', FORBIDDEN)
def test_no_forbidden_import(part):
    files = files_of(part)
    assert files
    for file in files:
        for name in imported(file):
            assert not (name + '.').startswith(
                tuple(f'{n}.' for n in FORBIDDEN[part])), (
                    f'{file.name} imports {name}')


def test_relative_imports_are_seen():
    names = set(imported(PACKAGE / 'likelihood' / 'encoding' / 'encoders' /
                         'clip.py'))
    assert 'dequity_mmdet3d.messages.first_five' in names
    assert 'dequity_mmdet3d.likelihood.encoding.encoders.base.Squash' in names


def test_every_part_has_its_row():
    folders = {f'{path.parent.name}/' for path in PACKAGE.glob('*/__init__.py')
               if path.parent.name != 'configs'}
    assert folders | {'dequity_mmdet3d/', '*.py'} <= set(FORBIDDEN)
    # what the promises of the README rest on
    for part, names in {
            'weight.py': {'dequity_mmdet3d'},
            'likelihood/': {'dequity_mmdet3d.plugin', *HOST},
            'likelihood/samples/': {'torch'},
            'plugin/': {'dequity_mmdet3d.likelihood'},
            'weighting/': {'dequity_mmdet3d.plugin', *HOST, 'mmengine'},
            'report/': {'dequity_mmdet3d.plugin', *HOST, 'torch'},
            '*.py': {'dequity_mmdet3d.plugin', 'dequity_mmdet3d.likelihood',
                     'dequity_mmdet3d.commands', *HOST},
    }.items():
        assert names <= set(FORBIDDEN[part]), part
