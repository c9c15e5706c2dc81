"""The folder of a training: where it is, and from what it goes on."""
from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

from .whole_file import whole_file


def work_dir_of(args: Namespace, config: Any) -> str:
    """Where MMDetection3D's tools write, if nobody says it to them.

    Args:
        args (Namespace): Of train.py or test.py.
        config (Config): Of mmengine, with what ``args`` change.
    """
    return (args.work_dir or config.get('work_dir')
            or f'./work_dirs/{Path(args.config).stem}')


def mend_last_checkpoint(folder: Path) -> Path | None:
    """Have ``last_checkpoint`` name a checkpoint that a training left whole.

    mmengine empties that file before it writes a name: a training whose disk
    is full leaves nothing in it. It also removes the oldest checkpoint before
    it writes the next one, unless that is mended (:mod:`.checkpoints`), and a
    killed one leaves the name of a file that is gone.

    Args:
        folder (Path): Work dir of a training that does not run.

    Returns:
        Path, optional: The checkpoint; one that lies elsewhere is left to
        mmengine. None where there is none, and the training begins anew.

    Raises:
        OSError: If the name cannot be written.
    """
    pointer = folder.absolute() / 'last_checkpoint'
    named = pointer.read_text().strip() if pointer.exists() else ''
    here = pointer.with_name(Path(named).name) if named else pointer
    found: Path | None = here
    if not here.exists() and ('://' in named or Path(named).is_file()):
        return Path(named)  # its hook writes elsewhere
    if not named or not here.exists():
        # a zip archive ends with its table, so that a part of one is none
        found = max(filter(is_zipfile, pointer.parent.glob('*.pth')),
                    key=lambda path: path.stat().st_mtime_ns, default=None)
    if found is None:
        pointer.unlink(missing_ok=True)
    elif str(found) != named:  # or the folder was moved
        with whole_file(pointer) as f:
            f.write(str(found).encode())
    return found
