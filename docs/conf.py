"""Sphinx: docs/*.md, and the API, read from the sources without an import.

    make docs        # docs/_build/html/index.html; a broken reference fails
"""
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

project = 'dequity_mmdet3d'
author = 'the dequity_mmdet3d contributors'
version = release = re.search(
    "__version__ = '(.+)'",
    (ROOT / 'dequity_mmdet3d/__init__.py').read_text(encoding='utf-8'))[1]

extensions = ['myst_parser', 'autoapi.extension', 'sphinx.ext.napoleon']
exclude_patterns = ['_build']
html_theme = 'furo'
html_title = f'{project} {version}'
# no reference: it looks up what __init__ modules hand on
suppress_warnings = ['autoapi.python_import_resolution']
# every reference that someone wrote must lead somewhere
nitpicky = True
# types of attributes and properties, which others document
nitpick_ignore_regex = [
    ('py:class', r'(np|numpy|torch|argparse|collections\.abc)\.\w+|Path|'
     'Callable|optional'),
]
# types in docstrings are prose ('(N,) float64'), not references
napoleon_use_param = napoleon_use_rtype = False
autodoc_typehints = 'none'
myst_heading_anchors = 3
myst_enable_extensions = ['html_image']

autoapi_dirs = [str(ROOT / 'dequity_mmdet3d')]
autoapi_ignore = ['*/configs/*']
autoapi_root = 'api'
autoapi_options = ['members', 'undoc-members', 'show-module-summary']
autoapi_member_order = 'bysource'
autoapi_add_toctree_entry = False
autoapi_python_class_content = 'class'


def readme_first(app, name, source):
    """The first page is the README, whose links start at the root."""
    if name == 'index':
        readme = (ROOT / 'README.md').read_text(encoding='utf-8')
        for path, page in (('docs/', ''), ('CHANGELOG.md', 'changelog.md'),
                           ('CONTRIBUTING.md', 'contributing.md')):
            readme = readme.replace(f']({path}', f']({page}')
            readme = readme.replace(f'src="{path}', f'src="{page}')
        source[0] = f'{readme}\n{source[0]}'


def skip_fields(app, what, name, obj, skip, options):
    """Fields stand among the arguments of their class already."""
    return True if what == 'attribute' and not obj.docstring else skip


def setup(app):
    app.connect('source-read', readme_first)
    app.connect('autoapi-skip-member', skip_fields)
