"""One HTML file that needs no network.

The script draws with plotly, whose library lies in the file. What is long
comes last, so that a browser can show the rest before it has read that.
"""
import json
from pathlib import Path

from dequity_mmdet3d import __version__
from dequity_mmdet3d.weight import dequity_weight
from dequity_mmdet3d.whole_file import whole_file
from . import content
from .catalog import rows_on_page
from .flat_map import flat_map
from .galleries import galleries
from .thumbnails import GALLERY, fitting_box, thumbnail, thumbnails

HERE = Path(__file__).parent / 'page_files'


def write_page(out, table, table_path, catalog, runs=(), *, eta=1.0,
               gamma=5.0, how='tsne', most=30_000, size=50e6, seed=0,
               progress=None):
    """Write ``index.html``; it is whole or not there at all.

    Args:
        out (Path): Folder, made if needed.
        table (LikelihoodTable): N samples.
        table_path (Path): Its file.
        catalog (Catalog): Of its samples.
        runs (Sequence[Runs]): To show.
        eta, gamma (float): Where the sliders stand at first.
        how (str): See :func:`.flat_map.flat_map`.
        most (int): Samples shown one by one, see
            :func:`.catalog.rows_on_page`.
        size (float): Of the page, in bytes. Images that do not fit are
            linked, those of common modes first.
        seed (int): Of the choice of samples and of the map.
        progress (Callable, optional): See :func:`.thumbnails.thumbnails`.

    Returns:
        tuple[Path, dict]: The file, and 'shown', 'embedded' and 'linked',
        numbers of samples, and 'unreadable', a list of images.

    Raises:
        ValueError: For bad eta or gamma.
        ImportError: If plotly, jinja2 or scikit-learn are not there.
        OSError: If the file cannot be written.
    """
    dequity_weight(1.0, eta, gamma)  # refuses what is no weight, early
    plotly, jinja2 = _libraries()
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    rows = rows_on_page(table, most, seed)
    xy = None
    if catalog.vectors is not None:
        xy = flat_map(catalog.vectors[rows], how, seed)
    data = content.chart_data(table, catalog, rows, xy, eta, gamma)
    data['curves'] = [run.curves for run in runs]
    data['results'] = [_plain(run) for run in runs]
    rare, common = galleries(table, rows, catalog.vectors)
    gallery = {}
    if catalog.images is not None:
        data['image'] = content.links([catalog.images[r] for r in rows], out)
        gallery = {r: thumbnail(catalog.images[r], GALLERY)
                   for g in rare + common for r in g.rows}
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(str(HERE)), autoescape=True,
        undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True)
    count, bad = content.bad_images(table_path)
    page = environment.get_template('page.html.j2').render(
        version=__version__, name=Path(table_path).name, table=table,
        rare=rare, common=common, gallery=gallery,
        number={int(r): i for i, r in enumerate(rows)}, shown=len(rows),
        runs=runs, notes=catalog.notes, how=how, has_map=xy is not None,
        classes=list(catalog.objects), stability=content.stability(
            table.metadata), bad_count=count, bad=bad,
        provenance=content.provenance(table.metadata), eta=eta, gamma=gamma,
        style=_file('page.css'), script=_file('page.js'), plotly=plotly,
        data=data)
    # the thumbnails' places are part of the data, which are in the page
    blob, counts = _embedded(table, catalog, rows, size - len(page.encode()),
                             progress)
    counts['shown'] = len(rows)
    path = out / 'index.html'
    with whole_file(path) as f:
        f.write(page.encode())
        f.write(blob.encode())
        f.write(b'</body>\n</html>\n')
    return path, counts


def _libraries():
    try:
        import jinja2
        from plotly.offline import get_plotlyjs
    except ImportError as e:
        raise ImportError(f'the page needs plotly and jinja2 ({e}): pip '
                          "install 'dequity_mmdet3d[report]'") from e
    return get_plotlyjs(), jinja2


def _file(name):
    return (HERE / name).read_text(encoding='utf-8')


def _plain(run):
    return dict(name=run.name, arms=run.arms, rows=run.rows)


def _embedded(table, catalog, rows, budget, progress):
    """The last elements of the page: all thumbnails in one text."""
    if catalog.images is None:
        return '', dict(embedded=0, linked=0, unreadable=[])
    # rare ones first: they are what one looks for
    order = sorted(range(len(rows)),
                   key=lambda i: table.likelihood[rows[i]])
    paths = [catalog.images[rows[i]] for i in order]
    budget -= 12 * len(rows)  # places, in characters
    box = fitting_box(paths, budget)
    parts, place, unreadable = [], [[0, 0]] * len(rows), []
    used = 0
    for i, text in zip(order, thumbnails(paths, box, progress)):
        if used + len(text) > budget:
            break
        if not text:
            unreadable.append(catalog.images[rows[i]])
            continue
        place[i] = [used, len(text)]
        parts.append(text)
        used += len(text)
    about = json.dumps(dict(place=place, box=box), separators=(',', ':'))
    text = (f'<script type="application/json" id="places">{about}</script>\n'
            '<script type="text/plain" id="thumbnails">'
            f'{"".join(parts)}</script>\n')
    return text, dict(
        embedded=len(parts), unreadable=unreadable,
        linked=len(rows) - len(parts) - len(unreadable))
