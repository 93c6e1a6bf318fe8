"""The packages that people install: complete, and without what is ours alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
PACKAGES = ("advisor", "catalog", "probes")
LEFT_OUT = (
    ".git",
    ".venv",
    "__pycache__",
    ".*_cache",
    ".hypothesis",
    "build",
    "dist",
    "*.egg-info",
)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A wheel and a source archive, built from a copy of the tree in a path with a space."""
    folder = tmp_path_factory.mktemp("a path with spaces")
    tree, dist = folder / "the tree", folder / "dist"
    shutil.copytree(PROJECT, tree, ignore=shutil.ignore_patterns(*LEFT_OUT))
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist", "-d", str(dist)],
        cwd=tree,
        check=True,
        capture_output=True,
    )
    return dist


@pytest.fixture(scope="module")
def wheel(built):
    (path,) = built.glob("gguf_advisor-*.whl")
    return path


@pytest.fixture(scope="module")
def contents(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def tracked(package):
    """The files of a package that belong into a wheel."""
    return {
        path.relative_to(PROJECT).as_posix()
        for path in (PROJECT / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_a_wheel_holds_every_module_and_every_data_file(contents, package):
    assert tracked(package) - contents == set()


def test_a_wheel_holds_nothing_else(contents):
    tops = {name.split("/")[0] for name in contents}
    (metadata,) = (top for top in tops if top.endswith(".dist-info"))
    assert tops == {*PACKAGES, metadata}
    assert f"{metadata}/licenses/LICENSE" in contents
    assert f"{metadata}/licenses/NOTICE" in contents


def test_a_source_archive_holds_what_builds_and_tests_it(built):
    (path,) = built.glob("gguf_advisor-*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "NOTICE", "Makefile"} <= names
    for package in PACKAGES:
        assert tracked(package) - names == set()
    assert "tests/test_wheel.py" in names
    assert not {name for name in names if name.startswith((".git/", ".venv/", ".ci"))}


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The folder of the scripts of an environment that holds the wheel, and what it needs.

    The dependencies are those of this environment, by a line in a `.pth` file, so that nothing is
    downloaded. Other `.pth` files of it do not count there, so this checkout is not on the path.
    """
    home = tmp_path_factory.mktemp("an installation") / "of advisor"
    venv.create(home, with_pip=False, symlinks=os.name != "nt")
    scripts = home / ("Scripts" if os.name == "nt" else "bin")
    python = next(scripts.glob("python.exe" if os.name == "nt" else "python3"))
    where = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    (Path(where) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "install", "--quiet", "--no-index", "--no-deps", "--force-reinstall", str(wheel)],
        check=True,
        capture_output=True,
    )
    return scripts


@pytest.fixture
def installed_run(installed, run, tmp_path):
    """Runs a script of that environment."""

    def ask(name, *words):
        return subprocess.run(
            [installed / name, *words],
            cwd=tmp_path,
            env=run.environ,
            capture_output=True,
            check=False,
        )

    return ask


def test_what_is_installed_is_the_wheel(installed_run):
    done = installed_run("python", "-c", "import advisor, catalog, probes; print(advisor.__file__)")
    assert done.stderr == b""
    assert b"of advisor" in done.stdout


def test_an_installed_program_scans_this_machine(installed_run):
    done = installed_run("advisor", "scan", "--no-measure", "--json")
    assert done.stderr == b""
    assert done.returncode in {0, 1}
    assert json.loads(done.stdout)["schema"] == "advisor.scan/1"


def test_an_installed_program_shows_a_model(installed_run):
    done = installed_run("gguf-advisor", "show", "llama-3.2-1b", "--device", "RTX 4090")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().startswith(
        "llama-3.2-1b-instruct: meta-llama/Llama-3.2-1B-Instruct"
    )


def test_an_installed_program_knows_its_version(installed_run):
    from importlib.metadata import version

    assert installed_run("advisor", "--version").stdout.startswith(
        f"advisor {version('gguf-advisor')} (".encode()
    )


@pytest.mark.parametrize("words", [["models"], ["doctor", "--no-measure"], ["devices", "qwen3-8b"]])
def test_every_data_file_that_a_command_needs_is_there(installed_run, words):
    done = installed_run("advisor", *words)
    assert done.returncode in {0, 3}
    assert done.stderr == b""
