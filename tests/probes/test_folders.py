"""Where a user's files are kept, on each system."""

from __future__ import annotations

import pytest

from probes.ask import Asker
from probes.folders import cache_directory, data_directory


@pytest.mark.parametrize(
    ("system", "environ", "cache", "data"),
    [
        pytest.param("linux", {"HOME": "/h"}, "/h/.cache", "/h/.local/share", id="Linux"),
        pytest.param(
            "linux",
            {"HOME": "/h", "XDG_CACHE_HOME": "/x", "XDG_DATA_HOME": "/y"},
            "/x",
            "/y",
            id="Linux, told otherwise",
        ),
        pytest.param(
            "linux",
            {"HOME": "/h", "XDG_CACHE_HOME": "x", "XDG_DATA_HOME": "y"},
            "/h/.cache",
            "/h/.local/share",
            id="a relative place does not count",
        ),
        pytest.param(
            "macos",
            {"HOME": "/h", "XDG_CACHE_HOME": "/x", "XDG_DATA_HOME": "/y"},
            "/h/Library/Caches",
            "/h/Library/Application Support",
            id="macOS, which has no such variables",
        ),
        pytest.param("windows", {"LOCALAPPDATA": "/l", "HOME": "/h"}, "/l", "/l", id="Windows"),
    ],
)
def test_each_system_has_its_own_places(system, environ, cache, data):
    asker = Asker(environ=environ, os=system)
    assert cache_directory(asker).as_posix() == f"{cache}/gguf-advisor"
    assert data_directory(asker).as_posix() == f"{data}/gguf-advisor"


@pytest.mark.parametrize(
    ("system", "environ"),
    [
        ("linux", {}),
        ("linux", {"HOME": ""}),
        ("linux", {"HOME": "relative"}),
        ("windows", {"HOME": "/h"}),
    ],
)
def test_nothing_is_kept_where_nobody_says_where(system, environ):
    asker = Asker(environ=environ, os=system)
    assert (cache_directory(asker), data_directory(asker)) == (None, None)
