"""``python -m dequity_mmdet3d COMMAND``, as ``dequity COMMAND``."""
import sys

from .commands import main

if __name__ == '__main__':
    sys.exit(main())
