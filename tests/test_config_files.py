"""Which configs mmengine reads, where stock mmengine would not."""
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import dequity_mmdet3d
from dequity_mmdet3d import config_files
from dequity_mmdet3d.config_files import (
    check_first_argument,
    get_installed_path,
    is_installed,
    read_config,
)
from tests.helpers import ROOT

pytest.importorskip('mmengine')
STOCK = 'pointpillars/pointpillars_hv_secfpn_8xb6-160e_kitti-3d-3class.py'
# What setuptools 82 and newer look like: any import of it fails.
NO_PKG_RESOURCES = '''
import sys

class Gone:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] == 'pkg_resources':
            raise ModuleNotFoundError(f'No module named {name!r}', name=name)

sys.meta_path.insert(0, Gone())
import importlib.util
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: (
    None if name == 'pkg_resources' else find_spec(name, package))
'''


def python(code, **kwargs):
    return subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', textwrap.dedent(code)],
        capture_output=True, text=True, cwd=ROOT, **kwargs)


def write(path, text):
    path.write_text(text)
    return path


# ---- configs of this package


def test_base_is_the_file_in_the_package():
    path = Path(dequity_mmdet3d.base('equity.py'))
    assert path.is_absolute()
    assert path.read_text() == (ROOT / 'configs/equity.py').read_text()


def test_no_such_base():
    with pytest.raises(FileNotFoundError, match="'eqity.py'; it has .*equity"):
        dequity_mmdet3d.base('eqity.py')


BASES = ["'dequity_mmdet3d::equity.py'",
         "__import__('dequity_mmdet3d').base('equity.py')"]


@pytest.mark.parametrize('ours', BASES)
def test_two_bases(tmp_path, ours):
    write(tmp_path / 'your.py', 'model = dict(type="Yours")\n')
    path = write(tmp_path / 'config.py', f"_base_ = ['./your.py', {ours}]\n"
                 'table = _base_.dequity.type\n')
    config = read_config(path)
    assert config.model == dict(type='Yours')
    # as read beside the config: no registry of our name is asked for it
    assert config.dequity == dict(
        type='DequityDataset', eta=1.0, gamma=5.0, normalize=None,
        missing='error')
    assert config.custom_imports.imports == ['dequity_mmdet3d.plugin']


def test_the_second_way_works_in_stock_mmengine(tmp_path):
    path = write(tmp_path / 'config.py', f'_base_ = [{BASES[1]}]\n')
    done = python(f'''
        from mmengine.config import Config
        config = Config.fromfile({str(path)!r}, import_custom_modules=False)
        print(config.dequity.type)''')
    assert done.stdout.splitlines()[-1:] == ['DequityDataset'], done.stderr


def test_no_such_base_in_a_config(tmp_path):
    path = write(tmp_path / 'c.py', "_base_ = ['dequity_mmdet3d::no.py']\n")
    with pytest.raises(FileNotFoundError, match="no config 'no.py'"):
        read_config(path)


# ---- without pkg_resources


def test_stock_mmengine_stops_without_pkg_resources(tmp_path):
    """The witness: should this fail, the mend may go."""
    pytest.importorskip('mmdet3d')
    path = write(tmp_path / 'c.py', f"_base_ = ['mmdet3d::{STOCK}']\n")
    done = python(NO_PKG_RESOURCES + f'''
from mmengine.config import Config
try:
    Config.fromfile({str(path)!r})
except ModuleNotFoundError as e:
    print(e.name)''')
    assert done.stdout.splitlines()[-1:] == ['pkg_resources'], done.stderr


def test_bases_without_pkg_resources(tmp_path):
    """The config is the one that is read with it."""
    pytest.importorskip('mmdet3d')
    path = write(tmp_path / 'c.py', f"_base_ = ['mmdet3d::{STOCK}']\n")
    done = python(NO_PKG_RESOURCES + f'''
from dequity_mmdet3d.config_files import mend_config_reading, read_config
config = read_config({str(path)!r})
print(len(mend_config_reading()), len(mend_config_reading()))
print(config.pretty_text, end='')''')
    first, _, text = done.stdout.partition('\n')
    assert first == '1 1', done.stderr
    assert text == read_config(path).pretty_text


def test_nothing_is_replaced_where_pkg_resources_is():
    pytest.importorskip('pkg_resources')
    done = python('''
        import mmengine.utils
        from dequity_mmdet3d.config_files import mend_config_reading
        stock = mmengine.utils.get_installed_path
        print(mend_config_reading())
        print(mmengine.utils.get_installed_path is stock)''')
    assert done.stdout == '[]\nTrue\n', done.stderr


@pytest.mark.parametrize('package', ['mmengine', 'mmdet3d', 'numpy'])
def test_as_the_functions_that_are_replaced(package):
    pytest.importorskip('pkg_resources')
    pytest.importorskip(package)
    utils = pytest.importorskip('mmengine.utils.package_utils')
    assert is_installed(package) and utils.is_installed(package)
    assert get_installed_path(package) == utils.get_installed_path(package)


def test_a_distribution_of_another_name():
    """As mmsegmentation, whose module is mmseg."""
    pytest.importorskip('PIL')
    assert is_installed('pillow')
    assert Path(get_installed_path('pillow')).name == 'PIL'


def test_what_is_not_installed():
    assert not is_installed('no_such_package')
    with pytest.raises(ModuleNotFoundError, match='no package no_such_pack'):
        get_installed_path('no_such_package')


# ---- reading


def test_no_mmengine(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, 'mmengine.config', None)
    with pytest.raises(ImportError, match='a config is read by mmengine'):
        read_config(write(tmp_path / 'c.py', ''))


def test_options_as_text_and_parsed(tmp_path):
    path = write(tmp_path / 'c.py', 'a = dict(b=1, c=[1, 2])\n')
    text = read_config(path, ['a.b=2', 'a.c=3,4'])
    assert text.a == dict(b=2, c=[3, 4])
    assert read_config(path, {'a.b': 2, 'a.c': [3, 4]}).a == text.a
    for options in (['a.c.5=1'], {'a.c.5': 1}):
        with pytest.raises(ValueError, match='--cfg-options a.c.5=1 does not'):
            read_config(path, options)


def test_type_names():
    assert config_files.type_name(dict(type='mmdet3d.KittiDataset')) == (
        'KittiDataset')
    assert config_files.type_name(dict(type=Path)) == 'Path'


def test_a_config_that_is_not_there_is_told_before_any_import(tmp_path):
    config = tmp_path / 'a.py'
    config.touch()
    for argv in ([], ['--help'], ['--work-dir', 'no', str(config)],
                 [str(config), '--resume']):
        check_first_argument(argv)
    with pytest.raises(FileNotFoundError, match='no config file no.py'):
        check_first_argument(['no.py', '--resume'])
    done = python('''
        import sys
        from dequity_mmdet3d.commands import train
        sys.argv[1:] = ['no.py']
        try:
            train.main()
        except FileNotFoundError:
            print('torch' in sys.modules)''')
    assert done.stdout == 'False\n', done.stderr
