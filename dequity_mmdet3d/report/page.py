"""One HTML file that needs no network.

The script draws with plotly, whose library lies in the file. What is long
comes last, so that a browser can show the rest before it has read that.
"""
import contextlib
import json
import os
from pathlib import Path

from dequity_mmdet3d import __version__
from dequity_mmdet3d.weight import dequity_weight
from dequity_mmdet3d.whole_file import whole_file

from . import content
from .flat_map import flat_map
from .galleries import galleries
from .shown import rows_on_page
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
            :func:`.shown.rows_on_page`.
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
    rows = rows_on_page(table, most, seed)
    with _folder(out):
        xy = None
        if catalog.vectors is not None:
            xy = flat_map(catalog.vectors[rows], how, seed)
        template = jinja2.Environment(
            loader=jinja2.FileSystemLoader(str(HERE)), autoescape=True,
            undefined=jinja2.StrictUndefined, trim_blocks=True,
            lstrip_blocks=True).get_template('page.html.j2')
        words = _words(table, Path(table_path), catalog, rows, runs, xy)
        words.update(version=__version__, how=how, eta=eta, gamma=gamma,
                     plotly=plotly, style=_file('page.css'),
                     script=_file('page.js'))
        data = content.chart_data(table, catalog, rows, xy, eta, gamma)
        data['curves'] = [run.curves for run in runs]
        data['results'] = [
            dict(arms=run.arms, rows=run.rows) for run in runs]
        images = _images(catalog, rows, out)
        data['image'] = images
        page = template.render(words, data=data, unreadable=[])
        blob, counts = _embedded(table, catalog, rows,
                                 size - len(page.encode()), progress)
        for i in counts.pop('rows_unreadable'):
            images[i] = None
        page = template.render(words, data=data,
                               unreadable=counts['unreadable'])
        path = out / 'index.html'
        with whole_file(path) as f:
            f.write(page.encode())
            f.write(blob.encode())
            f.write(b'</body>\n</html>\n')
    return path, dict(counts, shown=len(rows))


@contextlib.contextmanager
def _folder(path):
    """A folder to write to, which goes again if nothing comes of it."""
    new = not path.exists()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise OSError(f'cannot make the folder {path} for the page: '
                      f'{e.strerror or e}; give another --out') from e
    try:
        yield
    except BaseException:
        if new:
            with contextlib.suppress(OSError):
                path.rmdir()
        raise


def _words(table, table_path, catalog, rows, runs, xy):
    """What the template says, but for the numbers behind the charts."""
    rare, common = galleries(table, rows, catalog.vectors)
    gallery = {}
    if catalog.images is not None:
        gallery = {r: thumbnail(catalog.images[r], GALLERY)
                   for g in rare + common for r in g.rows
                   if catalog.images[r] is not None}
    count, bad = content.bad_images(table_path)
    notes = list(catalog.notes)
    if not catalog.objects:
        notes.append('No classes: they come from the info files that --config '
                     'names, which have no objects or were not given.')
    return dict(
        name=table_path.name, table=table, rare=rare, common=common,
        gallery=gallery, number={int(r): i for i, r in enumerate(rows)},
        shown=len(rows), runs=runs, notes=notes,
        has_map=xy is not None, classes=list(catalog.objects),
        stability=content.stability(table.metadata), bad_count=count, bad=bad,
        skipped=len(table.metadata.get('skipped', ())),
        provenance=content.provenance(table.metadata))


def _images(catalog, rows, out):
    """Links to the images of the samples on the page, None without one."""
    if catalog.images is None:
        return None
    paths = [catalog.images[r] for r in rows]
    found = iter(content.links([p for p in paths if p is not None], out))
    return [None if p is None else next(found) for p in paths]


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


def _embedded(table, catalog, rows, budget, progress):
    """The last elements of the page: all thumbnails in one text."""
    place, parts, unreadable, used = [[0, 0]] * len(rows), [], [], 0
    # rare ones first: they are what one looks for
    order = [] if catalog.images is None else sorted(
        (i for i, r in enumerate(rows) if catalog.images[r] is not None),
        key=lambda i: table.likelihood[rows[i]])
    if order:
        paths = [catalog.images[rows[i]] for i in order]
        budget -= 12 * len(rows)  # places, in characters
        box = fitting_box(paths, budget)
        done = thumbnails(paths, box, progress)
        for i, text in zip(order, done):
            if used + len(text) > budget:
                break
            if not text:
                unreadable.append(i)
                continue
            place[i] = [used, len(text)]
            parts.append(text)
            used += len(text)
        done.close()
    seen = {i for i in order if place[i][1]} | {*unreadable}
    left = [i for i in order if i not in seen]
    gone = [i for i in left if not os.path.isfile(catalog.images[rows[i]])]
    unreadable += gone
    about = json.dumps(dict(place=place), separators=(',', ':'))
    text = (f'<script type="application/json" id="places">{about}</script>\n'
            '<script type="text/plain" id="thumbnails">'
            f'{"".join(parts)}</script>\n')
    return text, dict(
        embedded=len(parts), linked=len(left) - len(gone),
        unreadable=[catalog.images[rows[i]] for i in unreadable],
        rows_unreadable=unreadable)
