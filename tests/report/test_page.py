"""The page in a browser, used as a person would."""
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from dequity_mmdet3d.commands.report import parse_args
from dequity_mmdet3d.likelihood.beside import objects_path
from dequity_mmdet3d.likelihood.estimation.weight_effect import variation
from dequity_mmdet3d.object_table import ObjectTable
from dequity_mmdet3d.table import LikelihoodTable
from dequity_mmdet3d.tag_file import tags_path, write_tags
from dequity_mmdet3d.tags import Tags
from dequity_mmdet3d.weight import (
    dequity_weight,
    effective_number,
    share_of_rarest,
)
from tests.helpers import run_tool
from tests.report.helpers import DEVIATION, TENTHS

from . import browser

pytestmark = [pytest.mark.browser, pytest.mark.slow]


# of the samples of each mode; nobody knows that of singletons
WEATHER = {0: 'sun', 1: 'rain', 2: '<b>fog', -1: ''}


class Keys:
    """As in selenium.webdriver.common.keys."""
    TAB, ENTER, ARROW_RIGHT = '\ue004', '\ue007', '\ue014'


@pytest.fixture(scope='module')
def page(small, comparison, tmp_path_factory):
    pytest.importorskip('mmengine', reason='mmengine reads the config files')
    root, _, path = small
    out = tmp_path_factory.mktemp('page')
    write_tags(tags_path(path), Tags('', tuple(map(str, range(36))), dict(
        weather=tuple(WEATHER[m] for m in small[1]),
        own=tuple(f'v{i:02d}' for i in range(36)))))
    # the first object of each sample; that of sample 3 is the rarest
    ObjectTable(
        [str(i) for i in range(36)], np.zeros(36, int),
        ['<b>Car'] * 30 + ['Cyclist'] * 6,
        np.array([1. - (i == 3) * .9 for i in range(36)]), np.arange(36),
        np.ones(36, int), dict(neutral=[35])).save(objects_path(str(path)))
    done = run_tool('report.py', path, '--config', root / 'config.py',
                    '--runs', comparison, '--out', out)
    assert done.returncode == 0, done.stdout
    assert '36 images in it, 0 linked' in done.stdout
    return out / 'index.html'


@pytest.fixture(scope='module')
def chrome():
    chrome = browser.start()
    yield chrome
    chrome.quit()


def opened(chrome, page, **view):
    browser.size(chrome, **dict(dict(width=1280), **view))
    chrome.get(page.as_uri())
    wait(chrome, 'document.getElementById("sample-facts").children.length')
    return chrome


def wait(chrome, condition, seconds=30):
    from selenium.webdriver.support.ui import WebDriverWait
    return WebDriverWait(chrome, seconds, 0.1).until(
        lambda c: c.execute_script(f'return {condition}'))


def facts(chrome):
    return dict(chrome.execute_script('''
        return [...document.querySelectorAll('#sample-facts dt')].map(
            (t) => [t.textContent, t.nextSibling.textContent])'''))


def bars(chrome, chart):
    """Heights of a histogram as plotly has drawn them: {left edge: count}."""
    return {round(x, 4): y for x, y in chrome.execute_script(
        f'return document.getElementById("{chart}").calcdata[0].map('
        '(b) => [b.ph0, b.s1])') if y}


def slide(chrome, name, value):
    chrome.execute_script(
        f'const s = document.getElementById("{name}"); s.value = {value};'
        's.dispatchEvent(new Event("input"))')


def test_no_errors_and_no_network(chrome, page):
    opened(chrome, page)
    assert chrome.get_log('browser') == []
    fetched = chrome.execute_script(
        'return performance.getEntriesByType("resource").map((r) => r.name)')
    assert [n for n in fetched if not n.startswith('data:')] == []
    assert chrome.execute_script(
        'return document.querySelectorAll(".js-plotly-plot").length') == 8
    # text of the table's is text
    assert '<b>&"</script>' in chrome.find_element(
        'id', 'provenance').text
    # crops of the rarest objects: drawn, and text again
    shown = chrome.execute_script('''
        return [...document.querySelectorAll('#objects .gallery')].map((g) => [
            g.querySelector('h3').textContent, g.querySelector('p').innerText,
            [...g.querySelectorAll('figure')].map((f) => f.textContent.trim()),
            [...g.querySelectorAll('img')].map((i) => i.naturalWidth)])''')
    assert [s[0] for s in shown] == ['<b>Car', 'Cyclist']
    assert shown[0][1] == '30 objects in 30 clusters'
    assert shown[1][1] == (
        '6 objects in 6 clusters, 1 of which nothing could be seen')
    assert shown[0][2][:2] == ['0.1 · 3, object 0', '1 · 0, object 0']
    # 80 x 60 pixels around the box, twice as large
    assert [s[3] for s in shown] == [[160] * 8, [160] * 5]


def test_sliders_redraw(chrome, page, small):
    opened(chrome, page)
    p = LikelihoodTable.load(small[2]).likelihood
    for eta, gamma in ((1, 5), (0, 2), (3, 0)):
        slide(chrome, 'eta', eta)
        slide(chrome, 'gamma', gamma)
        want, size = {}, max(1, dequity_weight(p, eta, gamma).max()) / 50
        for w in dequity_weight(p, eta, gamma):
            left = round(int(w / (size * 1.0001)) * size * 1.0001, 4)
            want[left] = want.get(left, 0) + 1
        assert sorted(bars(chrome, 'chart-weight').values()) == sorted(
            want.values()), (eta, gamma)
        for found, left in zip(sorted(bars(chrome, 'chart-weight')),
                               sorted(want)):
            assert left <= found + 1e-3 < left + 1.1 * size
        text = chrome.find_element('id', 'weight-summary').text
        w = dequity_weight(p, eta, gamma)
        rarest = share_of_rarest(p, w)
        assert f'mean {float(f"{w.mean():.3g}"):g}. ' in text
        assert text.endswith(
            f'{len(p)} samples count as {effective_number(w):.0f} of equal '
            f'weight; the rarest tenth has {100 * rarest:.1f} % of all '
            f'weight. From repeat to repeat of the estimate a weight varies '
            f'by {100 * variation(TENTHS, DEVIATION, eta, gamma):.1f} %.')
    slide(chrome, 'eta', 0)
    slide(chrome, 'gamma', 2)
    chrome.find_element('id', 'normalize').click()
    assert ', mean 1. ' in chrome.find_element('id', 'weight-summary').text
    # the galleries' weights go along
    shown = chrome.find_element('css selector', '.weight').text
    rare = dequity_weight(0.05, 0, 2) / dequity_weight(p, 0, 2).mean()
    assert float(shown) == pytest.approx(rare, rel=0.01)
    assert chrome.get_log('browser') == []


def test_classes_that_gain(chrome, page, small):
    opened(chrome, page)
    rows = [[c.text for c in row.find_elements('css selector', 'th, td')]
            for row in chrome.find_elements('css selector',
                                            '#class-table tbody tr')]
    w = {p: dequity_weight(p) for p in (0.05, 0.2, 0.5, 1.0)}
    cars = 40 * w[1.0] + 10 * w[0.5] + 4 * w[0.2]
    cyclists = 12 * w[0.2] + 2 * w[0.05]
    by_name = {row[0]: row[1:] for row in rows}
    assert by_name['Car'][:2] == ['54', f'{100 * 54 / 68:.2f} %']
    assert by_name['Cyclist'] == [
        '14', f'{100 * 14 / 68:.2f} %',
        f'{100 * cyclists / (cars + cyclists):.2f} %',
        f'+{100 * (cyclists / (cars + cyclists) * 68 / 14 - 1):.1f} %']
    drawn = chrome.execute_script(
        'const t = document.getElementById("chart-classes").data[0];'
        'return Object.fromEntries(t.y.map((c, i) => [c, t.x[i]]))')
    p = LikelihoodTable.load(small[2]).likelihood
    assert drawn['Cyclist'] == pytest.approx(
        cyclists / 14 / dequity_weight(p).mean())


def test_map_answers(chrome, page, small):
    from selenium.webdriver.common.action_chains import ActionChains
    opened(chrome, page)
    first = facts(chrome)
    assert first['likelihood'] == '0.05'
    assert first['rarity'] == '1 to 2 of 36'
    assert first['objects'] == '1 Cyclist' and first['cluster'] == 'none'
    # a point of the map, where plotly has put it
    row = int(np.flatnonzero(small[1] == 2)[0])
    chart = chrome.find_element('id', 'chart-map')
    chrome.execute_script('arguments[0].scrollIntoView()', chart)
    x, y, width, height = chrome.execute_script(f'''
        const c = document.getElementById('chart-map'), l = c._fullLayout;
        const t = c.data[0], b = c.getBoundingClientRect();
        return [l.xaxis.l2p(t.x[{row}]) + l._size.l,
                l.yaxis.l2p(t.y[{row}]) + l._size.t, b.width, b.height]''')
    ActionChains(chrome).move_to_element_with_offset(
        chart, round(x - width / 2), round(y - height / 2)).perform()
    wait(chrome, 'document.querySelector("#sample-facts dd + dt + dd")'
         '.textContent === "2"')
    source = chrome.find_element('id', 'sample-image').get_attribute('src')
    assert source.startswith('data:image/webp;base64,')
    assert wait(chrome, 'document.getElementById("sample-image")'
                '.naturalWidth') == 160
    link = chrome.find_element('id', 'sample-link').get_attribute('href')
    assert Path(link[len('file://'):]).is_file()
    # a click keeps it, until the next one
    away = ActionChains(chrome).move_to_element_with_offset(
        chart, round(x - width / 2) + 40, round(y - height / 2))
    ActionChains(chrome).click().perform()
    other = int(np.flatnonzero(small[1] == 0)[0])
    hover = 'document.getElementById("chart-map").emit("plotly_hover", ' \
            f'{{points: [{{pointNumber: {other}}}]}})'
    away.perform()
    chrome.execute_script(hover)
    assert facts(chrome)['cluster'] == '2'
    ActionChains(chrome).move_to_element_with_offset(
        chart, round(x - width / 2), round(y - height / 2)).click().perform()
    chrome.execute_script(hover)
    assert facts(chrome)['cluster'] == '0'
    # nothing is sent anywhere
    buttons = [b.get_attribute('data-title') for b in chart.find_elements(
        'css selector', '.modebar-btn')]
    assert buttons and not [b for b in buttons if 'hare' in b or 'end' in b]
    chrome.find_element(
        'css selector', '#colour option[value=cluster]').click()
    assert chrome.get_log('browser') == []


def test_tags(chrome, page, small):
    """Colours, legend, filter and composition, by mouse and by keyboard."""
    opened(chrome, page)
    modes, p = small[1], LikelihoodTable.load(small[2]).likelihood
    assert facts(chrome)['weather'] == '(not told)'
    assert not chrome.find_element('id', 'legend').is_displayed()
    # rarest first: those without a cluster, then mode 2
    text = chrome.find_elements('css selector', '.gallery')[1].text
    assert 'weather: <b>fog 100%' in text and 'own: v' in text
    assert ', 1 more 25%' in text
    chrome.find_element('css selector', '#colour option[value="0"]').click()
    legend = [b.text for b in chrome.find_elements('css selector',
                                                   '#legend button')]
    assert legend == ['sun (20)', 'rain (10)', '<b>fog (4)',
                      '(not told) (2)']
    colours = chrome.execute_script(
        'return document.getElementById("chart-map").data[0].marker.color')
    by_mode = dict(zip(modes.tolist(), colours))
    assert colours == [by_mode[m] for m in modes]
    assert len({*colours}) == 4 and by_mode[-1] == '#888888'
    # by its value alone
    chrome.find_elements('css selector', '#legend button')[1].send_keys(
        Keys.ENTER)
    rain = np.flatnonzero(modes == 1).tolist()
    selected = 'return document.getElementById("chart-map").data[0]' \
        '.selectedpoints'
    assert sorted(chrome.execute_script(selected)) == rain
    weight = dequity_weight(0.5)
    says = chrome.find_element('id', 'only-summary')
    assert says.text == ('10 of 36 samples on this page: weather = rain; mean '
                         f'weight {weight:.3g}.')
    at = chrome.switch_to.active_element
    assert at.text == 'rain (10)'
    assert at.get_attribute('aria-pressed') == 'true'
    assert chrome.execute_script(
        'return document.getElementById("only").value') == '0:1'
    shown = [int(b.get_attribute('data-i')) for b in chrome.find_elements(
        'css selector', '.pick') if b.is_displayed()]
    assert len(shown) == 8 and {*shown} <= {*rain}
    # the list goes through these alone
    assert facts(chrome)['weather'] == 'rain'
    seen = {facts(chrome)['sample']}
    for _ in range(12):
        chrome.find_element('id', 'commoner').send_keys(Keys.ENTER)
        seen.add(facts(chrome)['sample'])
    assert seen == {*map(str, rain)}
    slide(chrome, 'eta', 3)
    assert f'{dequity_weight(0.5, 3, 5):.3g}.' in says.text
    at.send_keys(Keys.ENTER)
    assert chrome.execute_script(selected) is None and says.text == ''
    # many values: a colour and an entry each, and a sample each
    chrome.find_element('css selector', '#colour option[value="1"]').click()
    assert len({*chrome.execute_script('return document.getElementById('
                                       '"chart-map").data[0].marker.color')}
               ) == 36
    row = int(np.flatnonzero(p == 1)[0])
    chrome.find_element('css selector', f'#only option[value="1:{row}"]'
                        ).click()
    assert facts(chrome)['own'] == f'v{row:02d}'
    chrome.find_element('css selector', '#only option').click()
    # 20 of sun are cluster 0, and so on; 2 without any
    drawn = chrome.execute_script(
        'return document.getElementById("chart-composition").data.map('
        '(t) => [t.name, t.y])')
    assert drawn == [
        ['sun', [100, 0, 0, 0]], ['rain', [0, 100, 0, 0]],
        ['&lt;b>fog', [0, 0, 100, 0]], ['(not told)', [0, 0, 0, 100]]]
    chrome.find_element('css selector', '#composition option[value="1"]'
                        ).click()
    assert chrome.execute_script('return document.getElementById('
                                 '"chart-composition").data.length') == 36
    assert chrome.get_log('browser') == []


def test_keyboard(chrome, page):
    opened(chrome, page)
    reached = set()
    for _ in range(120):
        chrome.switch_to.active_element.send_keys(Keys.TAB)
        at = chrome.switch_to.active_element
        reached.add(at.get_attribute('id') or at.get_attribute('class'))
    assert {'find', 'rarer', 'commoner', 'colour', 'only', 'composition',
            'pick', 'eta', 'gamma',
            'normalize', 'curve', 'scroll'} <= reached
    find = chrome.find_element('id', 'find')
    find.send_keys('17', Keys.ENTER)
    assert facts(chrome)['sample'] == '17'
    chrome.find_element('id', 'commoner').send_keys(Keys.ENTER)
    at = facts(chrome)
    chrome.find_element('id', 'rarer').send_keys(Keys.ENTER)
    assert facts(chrome)['sample'] == '17' != at['sample']
    find.clear()
    find.send_keys('nowhere', Keys.ENTER)
    assert 'No sample' in find.get_attribute('validationMessage')
    chrome.find_element('id', 'gamma').send_keys(Keys.ARROW_RIGHT)
    assert chrome.find_element('id', 'gamma-value').text == '5.1'
    pick = chrome.find_elements('css selector', '.pick')[-1]
    pick.send_keys(Keys.ENTER)
    assert facts(chrome)['cluster'] == '0'


def test_runs(chrome, page):
    opened(chrome, page)
    text = chrome.find_element('id', 'runs').text
    assert 'equity\n2 seeds' in text
    assert 'rare/Cyclist 7 51.00 ± 1.41 55.00 ± 2.83' in text
    x = chrome.execute_script('return document.getElementById('
                              '"chart-results-0").data.map((t) => t.x)')
    assert x == [[4, 0]]
    curves = chrome.execute_script('return document.getElementById('
                                   '"chart-curves-0").data.length')
    assert curves == 4


@pytest.mark.parametrize('dark', [False, True])
@pytest.mark.parametrize('width', [1280, 400])
def test_looks(chrome, page, width, dark, tmp_path):
    """Nothing sticks out, and the text can be told from its ground.

    The pictures stay in the folder DEQUITY_SCREENSHOTS, if it is named.
    """
    opened(chrome, page, width=width, dark=dark)
    wait(chrome, 'document.getElementById("chart-map").clientWidth'
         f' <= {width}')
    assert chrome.execute_script(
        'return document.documentElement.scrollWidth') <= width
    front, back = chrome.execute_script('''
        const s = getComputedStyle(document.body);
        return [s.color, s.backgroundColor]''')
    assert contrast(front, back) >= 7
    assert (luminance(back) < 0.1) == dark
    axis = chrome.execute_script(
        'return document.getElementById("chart-weight")._fullLayout'
        '.xaxis.tickfont.color')
    assert contrast(rgb(axis), back) >= 7
    small = chrome.execute_script('''
        return [...document.querySelectorAll('main p, main td, main dd, text')]
            .filter((e) => parseFloat(getComputedStyle(e).fontSize) < 9)
            .map((e) => e.textContent)''')
    assert small == []
    out = Path(os.environ.get('DEQUITY_SCREENSHOTS') or tmp_path)
    out.mkdir(parents=True, exist_ok=True)
    browser.shot(chrome, out / f'page_{width}{"_dark" if dark else ""}.png')
    assert chrome.get_log('browser') == []


def rgb(text):
    """'#e6edf3' as 'rgb(230, 237, 243)'."""
    if text[0] != '#':
        return text
    return f'rgb{tuple(int(text[i:i + 2], 16) for i in (1, 3, 5))}'


def luminance(colour):
    """Of WCAG 2: in [0, 1]."""
    parts = [int(p) / 255 for p in colour[colour.index('(') + 1:-1].split(
        ',')[:3]]
    parts = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055)**2.4
             for p in parts]
    return sum(a * b for a, b in zip((0.2126, 0.7152, 0.0722), parts))


def contrast(a, b):
    """Of WCAG 2: in [1, 21]."""
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def test_images_beyond_the_size_are_linked(chrome, small, tmp_path):
    root, modes, path = small
    done = run_tool('report.py', path, '--images', root / 'images', '--out',
                    tmp_path)
    # ids of a folder are names
    assert done.returncode == 1 and 'is among the 36 given' in done.stdout
    assert list(tmp_path.iterdir()) == []
    pytest.importorskip('mmengine', reason='mmengine reads the config files')
    done = run_tool('report.py', path, '--config', root / 'config.py',
                    '--out', tmp_path, '--size-mb', 0.001, '--map', 'pca')
    assert done.returncode == 0 and '0 images in it, 36 linked' in done.stdout
    opened(chrome, tmp_path / 'index.html')
    assert wait(chrome, 'document.getElementById("sample-image")'
                '.naturalWidth') == 200
    assert chrome.get_log('browser') == []


def test_images_that_are_gone(chrome, small, tmp_path):
    pytest.importorskip('mmengine', reason='mmengine reads the config files')
    root, modes, path = small
    copy = tmp_path / 'data'
    shutil.copytree(root, copy)
    text = (copy / 'config.py').read_text().replace(str(root), str(copy))
    (copy / 'config.py').write_text(text)
    rare = int(np.flatnonzero(modes == -1)[0])
    other = int(np.flatnonzero(modes == 0)[-1])
    (copy / f'images/{rare:06d}.png').write_bytes(b'no image')
    (copy / f'images/{other:06d}.png').unlink()
    for size, embedded in ((50, 34), (0.001, 0)):
        done = run_tool('report.py', copy / path.name, '--config',
                        copy / 'config.py', '--size-mb', size, '--out',
                        tmp_path / 'page')
        assert done.returncode == 0, done.stdout
        assert f'{embedded} images in it' in done.stdout
        opened(chrome, tmp_path / 'page/index.html')
        text = chrome.find_element('id', 'trust').text
        assert f'{other:06d}.png' in text
        find = chrome.find_element('id', 'find')
        find.send_keys(str(other), Keys.ENTER)
        image = chrome.find_element('id', 'sample-image')
        assert image.get_attribute('alt') == 'The image cannot be read'
        assert chrome.get_log('browser') == []


def test_table_alone(chrome, tmp_path):
    table = LikelihoodTable(
        ['<i>a', 'b'], np.array([0.5, 1]), np.array([-1, -1]),
        np.array([1, 1]), {})
    path = tmp_path / 't.parquet'
    table.save(path)
    done = run_tool('report.py', path, '--out', tmp_path / 'page')
    assert done.returncode == 0 and 'note: No images' in done.stdout
    opened(chrome, tmp_path / 'page/index.html')
    assert facts(chrome)['sample'] == '<i>a'
    assert 'No embeddings' in chrome.find_element('tag name', 'main').text
    assert chrome.get_log('browser') == []


def test_wrong_input(small, tmp_path):
    root, _, path = small
    out = tmp_path / 'page'
    for args, message in (
        ((tmp_path / 'no.parquet', ), 'no.parquet does not exist'),
        ((path, '--runs', tmp_path), 'neither comparison.json'),
        ((path, '--config', root / 'no.py'), 'no config file'),
        ((path, '--images', root / 'no'), 'must be a folder of images'),
        ((path, '--split', 'val'), 'change --config'),
        ((path, '--eta', -1), 'eta must be a finite number'),
        ((path, '--size-mb', -1), '--size-mb must be'),
        ((path, '--objects', root / 'no.parquet'), 'object table'),
        ((path, '--embeddings', path), 'must be a .npy file'),
        ((path, '--out', path / 'x'), 'cannot make the folder'),
    ):
        done = run_tool('report.py', '--out', out, *args)
        last = done.stdout.strip().split('\n')[-1]
        assert done.returncode == 1 and last.startswith('error: '), last
        assert message in last
        assert not out.exists(), args


@pytest.mark.parametrize('name', ['there', 'page.html', 'a/PAGE.HTM'])
def test_out_is_a_folder(tmp_path, capsys, name):
    (tmp_path / 'there').touch()
    (tmp_path / 'folder.html').mkdir()
    with pytest.raises(SystemExit) as end:
        parse_args(['t.parquet', '--out', str(tmp_path / name)])
    assert end.value.code == 2
    assert '--out is a folder for index.html, but' in capsys.readouterr().err
    for name in ('folder.html', 'new', 'page.1'):
        parse_args(['t.parquet', '--out', str(tmp_path / name)])


def test_start_of_the_sliders(chrome, small, tmp_path):
    """Values between or beyond a slider's steps are kept until it moves."""
    root, _, path = small
    done = run_tool('report.py', path, '--out', tmp_path, '--eta', 7.123,
                    '--gamma', 0.333)
    assert done.returncode == 0, done.stdout
    chrome.get((tmp_path / 'index.html').as_uri())
    p = LikelihoodTable.load(path).likelihood

    def mean():
        text = chrome.find_element('id', 'weight-summary').text
        return float(re.search(r'mean ([\d.]+)\. ', text)[1])

    assert mean() == pytest.approx(
        dequity_weight(p, 7.123, 0.333).mean(), rel=0.005)
    slide(chrome, 'gamma', 20)
    assert mean() == pytest.approx(
        dequity_weight(p, 7.123, 20.0).mean(), rel=0.005)


def test_own_embeddings_and_odd_names(chrome, tmp_path):
    n = 5
    table = LikelihoodTable(
        ['<i>a', '&amp;', 'c', 'd', 'e'], np.linspace(0.2, 1, n),
        np.arange(n), np.ones(n, int), {})
    table.save(tmp_path / 't.parquet')
    np.save(tmp_path / 'v.npy', np.eye(n))
    done = run_tool('report.py', tmp_path / 't.parquet', '--embeddings',
                    tmp_path / 'v.npy', '--out', tmp_path / 'page')
    assert done.returncode == 0, done.stdout
    opened(chrome, tmp_path / 'page/index.html')
    # plotly would take it for a tag
    assert chrome.execute_script('return document.getElementById("chart-map")'
                                 '.data[0].text.slice(0, 2)') == [
                                     '&lt;i>a', '&amp;amp;']
    np.save(tmp_path / 'v.npy', np.eye(4))
    done = run_tool('report.py', tmp_path / 't.parquet', '--embeddings',
                    tmp_path / 'v.npy', '--out', tmp_path / 'page')
    assert done.returncode == 1 and 'must be 5' in done.stdout
