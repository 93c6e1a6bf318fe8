"""The GGUF files that are on this machine already, where programs keep what they downloaded.

Holds the folders and how their layouts name a repository and a file; never what is in a file.
Looked at: the Hub's cache, which llama.cpp shares, LM Studio's folder, and the folder that
llama.cpp had before.

Source: huggingface_hub 2.4 (`models--owner--name/snapshots/<commit>/<file>`); LM Studio,
"Import models" (`~/.lmstudio/models/owner/name/file.gguf`, 2026); llama.cpp `common/common.cpp`
(`LLAMA_CACHE`, `~/.cache/llama.cpp/owner_name_file.gguf`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.file_names import names_model, part_of, quant_label
from catalog.names import model_of_repository
from catalog.quants import known_quant

if TYPE_CHECKING:
    from advisor.rank import Candidate
    from probes.ask import Asker


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentFile:
    """One file, or the first part of a split one."""

    path: Path
    repository: str
    """The Hub's, as the folder's name has it."""

    quant_name: str | None
    """The file type that its name says; ``None`` for a publisher's own mix, or none."""


def present_files(asker: Asker, hub_cache: Path) -> tuple[PresentFile, ...]:
    """Every GGUF file with language-model weights that was downloaded here.

    Args:
        asker: Its environment says where the home directory is.
        hub_cache: The Hub's cache.
    """
    found = [*_of_hub(hub_cache)]
    for folder in _lm_studio_folders(asker.environ):
        found += _of_lm_studio(folder)
    for folder in _llama_cpp_folders(asker.environ):
        found += _of_llama_cpp(folder)
    return tuple(found)


def _of_hub(cache: Path) -> Iterator[PresentFile]:
    for path in _files(cache, "models--*/snapshots/*/**/*.gguf"):
        repository = path.relative_to(cache).parts[0].removeprefix("models--").replace("--", "/")
        yield _present(path, repository)


def _of_lm_studio(folder: Path) -> Iterator[PresentFile]:
    for path in _files(folder, "*/*/*.gguf"):
        owner, name = path.relative_to(folder).parts[:2]
        yield _present(path, f"{owner}/{name}")


def _of_llama_cpp(folder: Path) -> Iterator[PresentFile]:
    """`owner_name_file.gguf`; an owner's name with an underscore cannot be told apart."""
    for path in _files(folder, "*.gguf"):
        words = path.name.split("_", 2)
        if len(words) == 3:
            yield _present(path, f"{words[0]}/{words[1]}")


def _files(folder: Path, pattern: str) -> list[Path]:
    """Files that can be opened now, first parts alone, in the order of their paths."""
    try:
        paths = sorted(folder.glob(pattern))
        return [path for path in paths if _is_model(path) and path.is_file()]
    except OSError:
        return []


def _is_model(path: Path) -> bool:
    part = part_of(path.name)
    return names_model(path.name) and (part is None or part[0] == 1)


def _present(path: Path, repository: str) -> PresentFile:
    label = quant_label(path.name)
    quant = None if label is None else known_quant(label)
    return PresentFile(
        path=path, repository=repository, quant_name=None if quant is None else quant.name
    )


def _lm_studio_folders(environ: Mapping[str, str]) -> list[Path]:
    home = environ.get("HOME") or environ.get("USERPROFILE") or ""
    if not home:
        return []
    return [Path(home) / ".lmstudio/models", Path(home) / ".cache/lm-studio/models"]


def _llama_cpp_folders(environ: Mapping[str, str]) -> list[Path]:
    if named := environ.get("LLAMA_CACHE"):
        return [Path(named)]
    if local := environ.get("LOCALAPPDATA"):
        return [Path(local) / "llama.cpp"]
    home = environ.get("HOME") or ""
    if not home:
        return []
    caches = environ.get("XDG_CACHE_HOME") or f"{home}/.cache"
    return [Path(caches) / "llama.cpp", Path(home) / "Library/Caches/llama.cpp"]


def by_model(files: Sequence[PresentFile]) -> dict[str, dict[str, PresentFile]]:
    """Model of the catalog → quant → its file; files of unknown repositories are left out."""
    found: dict[str, dict[str, PresentFile]] = {}
    for file in files:
        model = model_of_repository(file.repository)
        if model is not None and file.quant_name is not None:
            found.setdefault(model.name, {}).setdefault(file.quant_name, file)
    return found


def first_present(
    order: Sequence[Candidate], files: Mapping[str, Mapping[str, PresentFile]]
) -> PresentFile | None:
    """The file of the best-ranked model that is here: in its best quant, else in its largest.

    Args:
        order: The ranking, best first.
        files: From `by_model`.
    """
    for one in order:
        subject = one.estimate.subject
        here = files.get(subject.model.name)
        if here:
            best = here.get(subject.quant.name)
            return best or max(here.values(), key=lambda file: file.path.stat().st_size)
    return None
