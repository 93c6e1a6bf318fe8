"""What the probes' tests share: a file tree that stands for a machine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from probes.ask import Asker


class Tree:
    """Builds `/sys` and `/proc` of a machine under a directory."""

    def __init__(self, root):
        self.root = root

    def write(self, path, text):
        """One file with one line, as sysfs has them."""
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")

    def add_pci(self, path, *, driver=None, **files):
        """A device at `pci0000:00/<path>`, linked from the bus as the kernel does it.

        Files are named by keyword, with `class_` for `class` and `__` for `/`.
        """
        directory = self.root / "sys/devices/pci0000:00" / path
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            self.write(f"sys/devices/pci0000:00/{path}/{_file(name)}", text)
        if driver:
            (directory / "driver").symlink_to(f"../../../bus/pci/drivers/{driver}")
        bus = self.root / "sys/bus/pci/devices"
        bus.mkdir(parents=True, exist_ok=True)
        (bus / directory.name).symlink_to(Path("../../../devices/pci0000:00") / path)
        return directory

    def asker(self, os="linux", **environ):
        return Asker(root=self.root, environ=environ, os=os)


def _file(name):
    return name.removesuffix("_").replace("__", "/")


@pytest.fixture
def tree(tmp_path):
    """An empty machine."""
    if sys.platform == "win32":
        pytest.skip("PCI addresses hold colons, which Windows forbids in file names")
    return Tree(tmp_path)
