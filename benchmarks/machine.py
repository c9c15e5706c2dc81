"""What figures were measured on."""
import os
import platform


def cpu_name():
    """Name of the processor."""
    if os.path.exists('/proc/cpuinfo'):
        with open('/proc/cpuinfo') as lines:
            for line in lines:
                if line.startswith('model name'):
                    return line.split(':')[1].strip()
    return platform.processor() or platform.machine()


def machine(*packages):
    """One line on the machine and the versions of packages.

    Args:
        packages (ModuleType): With ``__version__``.
    """
    versions = [f'{p.__name__} {p.__version__}' for p in packages]
    return ', '.join([cpu_name(), f'{os.cpu_count()} cores',
                      f'Python {platform.python_version()}', *versions])
