"""Runs the tools of the repository, one after the other."""
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[1] / 'tools'


class Step:
    """Runs the tools of the demo, one after the other.

    Args:
        out (Path): Folder of the demo; the output of each step goes to
            ``out/logs``.
    """

    def __init__(self, out):
        self.logs = out / 'logs'
        self.logs.mkdir(parents=True, exist_ok=True)
        self.env = dict(os.environ)
        if not sys.stderr.isatty():
            # a line every ten seconds, where a bar would fill a log
            self.env.setdefault('TQDM_MININTERVAL', '10')

    def __call__(self, title, tool, *args, shown='', made=None):
        """Run a tool unless it has run to its end before.

        Args:
            title (str): What it does.
            tool (str): File name in ``tools``.
            *args: Its arguments.
            shown (str): Lines of its output that hold this reach the
                terminal too; the default shows none.
            made (Path, optional): A file that it writes. With it the step is
                not repeated once it has ended well, which a mark beside the
                logs tells: the file alone may be there before the end.
        """
        command = [tool, *map(str, args)]
        print(f'\n== {title}\n$ python tools/{shlex.join(command)}',
              flush=True)
        mark = self.logs / f'{made.name}.done' if made is not None else None
        if mark is not None and made.exists() and mark.exists():
            print(f'   there already: {made}')
            return
        started = time.time()
        log = self.logs / f'{Path(tool).stem}.log'
        status = self._run(command, log, shown)
        if status:
            raise OSError(
                f'{tool} ended with status {status}: its error is above, its '
                f'other output in {log}; --fresh begins anew')
        if mark is not None:
            mark.touch()
        print(f'   done in {time.time() - started:.0f} s', flush=True)

    def _run(self, command, log, shown):
        with open(log, 'a') as file:
            process = subprocess.Popen(
                [sys.executable, '-W', 'ignore', TOOLS / command[0],
                 *command[1:]],
                env=self.env,
                stdout=subprocess.PIPE,
                text=True,
                errors='replace')
            try:
                for line in process.stdout:
                    file.write(line)
                    if shown and shown in line:
                        print('   ' + line.split(' - ')[-1].strip()[:160],
                              flush=True)
                return process.wait()
            except KeyboardInterrupt:
                # it was interrupted as well: let it end before we do
                process.wait()
                raise
