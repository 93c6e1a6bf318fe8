"""Values of the Windows registry: from the registry itself, or from a recorded `reg query`.

Holds how a value under HKEY_LOCAL_MACHINE is read; never what it means.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from probes.ask import Asker


def reader(asker: Asker, key: str) -> Callable[[str], str | None]:
    r"""What answers for the values of one key.

    Args:
        asker: The machine; a recorded one answers from the command ``reg query HKLM\<key>``.
        key: Below HKEY_LOCAL_MACHINE, such as ``HARDWARE\DESCRIPTION\System\BIOS``.

    Returns:
        A function from a value's name to its text or number, written as text, or its bytes in
        hexadecimal; ``None`` when it is not there.
    """
    if asker.is_live:
        return _live(key)
    text = asker.command(["reg", "query", rf"HKLM\{key}"]) or ""
    lines = re.findall(r"^(?: {4})?(\S.*?) {4}REG_(\w+) {4}(.*)$", text, re.MULTILINE)
    values = {
        name: str(int(value, 16)) if kind in {"DWORD", "QWORD"} else value.strip()
        for name, kind, value in lines
    }
    return values.get


def _live(key: str) -> Callable[[str], str | None]:
    answer: Callable[[str], str | None] = _nothing
    if sys.platform == "win32":
        import winreg

        def value(name: str) -> str | None:
            try:
                with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:
                    found = winreg.QueryValueEx(opened, name)[0]
            except OSError:
                return None
            if isinstance(found, bytes):
                return found.hex().upper()
            return str(found).strip() if isinstance(found, str | int) else None

        answer = value
    return answer


def _nothing(_name: str) -> str | None:
    return None
