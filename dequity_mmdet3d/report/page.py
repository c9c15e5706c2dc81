"""One HTML file that needs no network.

The script draws with plotly, whose library lies in the file. What is long
comes last, so that a browser can show the rest before it has read that.
"""
import contextlib
import json
import os
from pathlib import Path
from typing import NamedTuple

from dequity_mmdet3d import __version__
from dequity_mmdet3d.json_files import refuse_nan
from dequity_mmdet3d.weight import dequity_weight
from dequity_mmdet3d.whole_file import whole_file

from . import content
from .flat_map import flat_map
from .galleries import galleries
from .objects import rarest_objects
from .selection import rows_on_page
from .tags import encode_tags
from .thumbnails import GALLERY, fitting_box, thumbnail, thumbnails

HERE = Path(__file__).parent / 'page_files'
_PLACE = 12  # characters for the place of a thumbnail, about


def write_page(out, table, table_path, catalog, runs=(), *, eta=1.0,
               gamma=5.0, projection='tsne', max_samples=30_000, size=50e6,
               seed=0, progress=None, tags=None, objects=None, place=None):
    """Write ``index.html``; it is whole or not there at all.

    Args:
        out (Path): Folder, made if needed.
        table (LikelihoodTable): N samples.
        table_path (Path): Its file.
        catalog (Catalog): Of its samples.
        runs (Sequence[Runs]): To show.
        eta, gamma (float): Where the sliders stand at first.
        projection (str): See :func:`.flat_map.flat_map`.
        max_samples (int): Samples shown one by one, see
            :func:`.selection.rows_on_page`.
        size (float): Of the page, in bytes. Images that do not fit are
            linked, those of common clusters first.
        seed (int): Of the choice of samples and of the map.
        progress (Callable, optional): See :func:`.thumbnails.thumbnails`.
        tags (Tags, optional): Of the samples.
        objects (ObjectTable, optional): Of their objects.
        place (Callable, optional): See :func:`.objects.rarest_objects`.

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
    rows = rows_on_page(table, max_samples, seed)
    with _folder(out):
        xy = None
        if catalog.vectors is not None:
            xy = flat_map(catalog.vectors[rows], projection, seed)
        template = jinja2.Environment(
            loader=jinja2.FileSystemLoader(str(HERE)), autoescape=True,
            undefined=jinja2.StrictUndefined, trim_blocks=True,
            lstrip_blocks=True).get_template('page.html.j2')
        tags, notes = encode_tags(tags, table.sample_id.tolist())
        words = _words(table, Path(table_path), catalog, rows, runs, xy, tags)
        words['notes'] += notes
        words['objects'], words['more_classes'] = _objects(
            objects, table, catalog, place)
        words.update(version=__version__, projection=projection, eta=eta,
                     gamma=gamma, plotly=plotly, style=_file('page.css'),
                     script=_file('tags.js') + _file('page.js'))
        data = content.chart_data(table, catalog, rows, xy, eta, gamma, tags)
        data['curves'] = [run.curves for run in runs]
        data['results'] = [
            dict(arms=run.arms, rows=run.rows) for run in runs]
        refuse_nan(data, 'page')
        images = _images(catalog, rows, out)
        data['image'] = images
        page = template.render(words, data=data, unreadable=[])
        thumbs = _thumbnails(table, catalog, rows, size - len(page.encode()),
                             progress)
        for i in thumbs.unreadable:
            images[i] = None
        unreadable = [catalog.images[rows[i]] for i in thumbs.unreadable]
        page = template.render(
            words, data=data,
            unreadable=[content.printable(path) for path in unreadable])
        path = out / 'index.html'
        with whole_file(path) as f:
            f.write(page.encode())
            f.write(thumbs.text.encode())
            f.write(b'</body>\n</html>\n')
    return path, dict(shown=len(rows), embedded=thumbs.embedded,
                      linked=thumbs.linked, unreadable=unreadable)


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


def _words(table, table_path, catalog, rows, runs, xy, tags):
    """What the template says, but for the numbers behind the charts."""
    rare, common = galleries(table, rows, catalog.vectors, tags)
    gallery = {}
    if catalog.images is not None:
        gallery = {r: thumbnail(catalog.images[r], GALLERY)
                   for g in rare + common for r in g.rows
                   if catalog.images[r] is not None}
    count, bad = content.bad_images(table_path)
    notes = list(catalog.notes) + [
        f'{run.name}: {note}' for run in runs for note in run.notes]
    if not catalog.objects:
        notes.append('No classes: they come from the info files that --config '
                     'names, which have no objects or were not given.')
    return dict(
        name=table_path.name, table=table, rare=rare, common=common,
        gallery=gallery, number={int(r): i for i, r in enumerate(rows)},
        shown=len(rows), runs=runs, notes=notes,
        has_map=xy is not None, classes=list(catalog.objects),
        stability=content.stability(table.metadata), bad_count=count, bad=bad,
        skipped=len(content.skipped(table.metadata)),
        provenance=content.provenance(table.metadata))


def _objects(objects, table, catalog, place):
    if objects is None:
        return [], 0
    if not set(objects.sample_id) & set(table.sample_id):
        raise ValueError(
            f'none of the {len(objects)} objects, such as one of sample '
            f'{objects.sample_id[0]!r}, is of a sample of the table, such as '
            f'{table.sample_id[0]!r}; give the object table that was made '
            'with it (--objects), or --objects none')
    images = {} if catalog.images is None else {
        i: path for i, path in zip(table.sample_id.tolist(), catalog.images)
        if path is not None}
    return rarest_objects(objects, images, place or _nowhere)


def _nowhere(sample, index):
    return None


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


class _Thumbnails(NamedTuple):
    """The last elements of the page, and what is not in them.

    Args:
        text (str): HTML: all thumbnails in one text, and their places in it.
        embedded (int): Number of thumbnails.
        linked (int): Of images that did not fit, but are there.
        unreadable (list[int]): Places of samples among those on the page.
    """
    text: str
    embedded: int
    linked: int
    unreadable: list[int]


def _thumbnails(table, catalog, rows, budget, progress):
    order = []
    if catalog.images is not None:
        # rare ones first: they are what one looks for
        order = sorted(
            (i for i, r in enumerate(rows) if catalog.images[r] is not None),
            key=lambda i: table.likelihood[rows[i]])
    paths = [catalog.images[rows[i]] for i in order]
    texts = _that_fit(paths, budget - _PLACE * len(rows), progress)
    place, used = [[0, 0]] * len(rows), 0
    for i, text in zip(order, texts):
        if text:
            place[i] = [used, len(text)]
            used += len(text)
    # the others are only linked, and so were not opened
    gone = [not os.path.isfile(path) for path in paths[len(texts):]]
    about = json.dumps(dict(place=place), separators=(',', ':'))
    return _Thumbnails(
        text=f'<script type="application/json" id="places">{about}</script>\n'
        f'<script type="text/plain" id="thumbnails">{"".join(texts)}'
        '</script>\n',
        embedded=sum(map(bool, texts)),
        linked=gone.count(False),
        unreadable=[i for i, text in zip(order, texts) if not text] +
        [i for i, is_gone in zip(order[len(texts):], gone) if is_gone])


def _that_fit(paths, budget, progress):
    """list[str]: Thumbnails of the first images, as many as have room; ''
    for one that cannot be read.
    """
    if not paths:
        return []
    texts, used = [], 0
    done = thumbnails(paths, fitting_box(paths, budget), progress)
    with contextlib.closing(done):
        for text in done:
            used += len(text)
            if used > budget:
                break
            texts.append(text)
    return texts
