"""Write the data set: in parallel, each file whole, resumable."""
import csv
import io
import json
import multiprocessing
import shutil
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from dequity_mmdet3d.temporary_file import sweep
from dequity_mmdet3d.whole_file import whole_file

from .frames import Settings, frame_files
from .layout import shape_of
from .plan import (
    MARK,
    MODES_FILE,
    OBJECTS_FILE,
    SPLITS,
    Sample,
    check_folder,
    describe,
    plan_samples,
)
from .worlds import has_rare_kinds

# What this tool writes, and what converters add to it later: --overwrite
# removes these and nothing else.
_OWN = ('training', 'testing', 'ImageSets', MODES_FILE, OBJECTS_FILE)
_DERIVED = ('kitti_infos_*', 'kitti_dbinfos_*', 'kitti_gt_database')
_KINDS = {
    'training': ('image_2', 'velodyne', 'calib', 'label_2'),
    'testing': ('image_2', 'velodyne', 'calib')
}


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    with whole_file(path, sync=False) as f:  # there are thousands
        f.write(content)


def write_frame(root: Path, settings: Settings, sample: Sample) -> int:
    """Make one frame and write its files; returns its index."""
    content = frame_files(settings, sample.index, sample.mode,
                          'label_2' in sample.files, sample.balanced)
    for kind, path in sample.files.items():
        write_whole(root / path, content[kind])
    return sample.index


def remove_data_set(root: Path) -> None:
    """Remove a mini KITTI and what was made from it, but for an empty mark.

    The mark keeps the folder ours, and says that it holds no data set: an
    interrupted removal can be taken up again.
    """
    write_whole(root / MARK, b'{}\n')
    derived = [path for name in _DERIVED for path in root.glob(name)]
    for path in derived + [root / name for name in _OWN]:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def make_data_set(root: Path,
                  settings: Settings,
                  counts: dict[str, int],
                  workers: int = 1,
                  overwrite: bool = False,
                  progress: Callable[[int, int], None] | None = None,
                  balanced: Sequence[str] = ()
                  ) -> list[Sample]:
    """Make the data set, or what is missing of it.

    Args:
        root (Path): Folder to write to: new, empty, or a part of the same
            data set.
        settings (Settings): What decides the frames' content.
        counts (dict[str, int]): Frames of train, val and test.
        workers (int): Processes; the content does not depend on it.
        overwrite (bool): Remove a data set made with other parameters.
        progress (Callable, optional): Called with (frames done, frames to
            make) at the start and after each frame.
        balanced (Sequence[str]): See `plan_samples`.

    Returns:
        list[Sample]: All frames, made now or before.

    Raises:
        ValueError: Counts make no sense, or `root` holds something else.
        OSError: A file could not be written; what is finished stays.
    """
    samples = plan_samples(counts, settings.seed, balanced)
    description = describe(settings, counts, balanced)
    root = Path(root)
    check_folder(root, description, overwrite)
    if overwrite and (root / MARK).exists():
        remove_data_set(root)
    root.mkdir(parents=True, exist_ok=True)
    write_whole(root / MARK, _json(description))
    _make_folders(root)
    missing = [
        sample for sample in samples
        if not all((root / path).exists() for path in sample.files.values())
    ]
    if missing:
        # It marks a finished data set, and this one is not.
        (root / MODES_FILE).unlink(missing_ok=True)
    if progress:
        progress(0, len(missing))
    for done, _ in enumerate(_made(root, settings, missing, workers), 1):
        if progress:
            progress(done, len(missing))
    _write_lists(root, samples)
    if has_rare_kinds(settings.world):
        _write_table(root / OBJECTS_FILE,
                     ['sample_id', 'object', 'class', 'kind'],
                     _objects(root, samples))
    # Last: it marks a finished data set.
    _write_table(root / MODES_FILE, ['sample_id', 'split', 'mode'],
                 ([s.name, s.split, s.mode] for s in samples))
    return samples


def _make_folders(root: Path) -> None:
    for folder, kinds in _KINDS.items():
        for kind in kinds:
            (root / folder / kind).mkdir(parents=True, exist_ok=True)
            sweep(root / folder / kind)  # also where nothing is missing
    (root / 'ImageSets').mkdir(exist_ok=True)


def _json(description) -> bytes:
    return (json.dumps(description, indent=2) + '\n').encode()


def _write_lists(root: Path, samples: list[Sample]) -> None:
    """ImageSets: the names of each split."""
    names = {
        split: [s.name for s in samples if s.split == split]
        for split in SPLITS
    }
    names['trainval'] = names['train'] + names['val']
    for split, members in names.items():
        text = ''.join(name + '\n' for name in members)
        write_whole(root / 'ImageSets' / f'{split}.txt', text.encode())


def _write_table(path: Path, header: list[str], rows: Iterable[list]) -> None:
    table = io.StringIO()
    writer = csv.writer(table, lineterminator='\n')
    writer.writerow(header)
    writer.writerows(rows)
    write_whole(path, table.getvalue().encode())


def _objects(root: Path, samples: list[Sample]) -> Iterator[list]:
    """Name, row in its label file from 0, class and kind of each object."""
    for sample in samples:
        if 'label_2' not in sample.files:
            continue
        text = (root / sample.files['label_2']).read_text()
        for number, row in enumerate(text.splitlines()):
            kind, *values = row.split()
            if kind == 'DontCare':
                continue
            height, width, length = map(float, values[7:10])
            shape = shape_of(kind, (length, width, height))
            yield [sample.name, number, kind,
                   'usual' if shape == kind else shape]


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Processes started in here leave Ctrl-C, which the terminal sends to
    all of them, to their parent.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Python lets only the main thread change this.
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _made(root: Path, settings: Settings, samples: list[Sample],
          workers: int) -> Iterator[int]:
    """Make frames, here or in processes; yields as they are finished."""
    if workers == 1 or len(samples) < 2:
        for sample in samples:
            yield write_frame(root, settings, sample)
        return
    # Forked copies of a process that has cast rays can hang: spawn.
    pool = ProcessPoolExecutor(
        min(workers, len(samples)),
        mp_context=multiprocessing.get_context('spawn'))
    try:
        waiting = iter(samples)
        running = set()
        while True:
            # A task may start a process. A short queue, so that an interrupt
            # ends the run soon.
            with _interrupts_ignored():
                for sample in islice(waiting, 3 * workers - len(running)):
                    running.add(
                        pool.submit(write_frame, root, settings, sample))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
