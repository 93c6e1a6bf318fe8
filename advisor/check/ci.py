"""What a CI service tells a job through its environment.

Holds the variables and what they mean; what is written where is `formats/`' and the command's
business.

Source: GitHub Docs, "Variables reference" (default environment variables) and "Workflow commands
for GitHub Actions"; GitLab Docs, "Predefined CI/CD variables". Checked 2026-11-24.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where this program runs, as far as its reports are concerned."""

    is_github: bool = False
    workflow_file: str | None = None
    """What annotations point at where no requirement file does; within the repository."""

    summary_file: str | None = None
    """Markdown that is appended here is shown on the job's page."""

    output_file: str | None = None
    """Lines `name=value` that are appended here become the step's outputs."""

    workspace: str | None = None
    """The checkout: paths in reports are relative to it."""

    def relative(self, path: str) -> str:
        """A file as reports name it: from the checkout's root, with slashes."""
        place = Path(path)
        for root in (self.workspace, "."):
            if root is None:
                continue
            try:
                return place.resolve().relative_to(Path(root).resolve()).as_posix()
            except (OSError, ValueError):
                continue
        return place.as_posix()


def surroundings(environ: Mapping[str, str]) -> Surroundings:
    """What the environment says."""
    if environ.get("GITHUB_ACTIONS") == "true":
        return Surroundings(
            is_github=True,
            workflow_file=_workflow(environ.get("GITHUB_WORKFLOW_REF", "")),
            summary_file=environ.get("GITHUB_STEP_SUMMARY") or None,
            output_file=environ.get("GITHUB_OUTPUT") or None,
            workspace=environ.get("GITHUB_WORKSPACE") or None,
        )
    if environ.get("GITLAB_CI"):
        return Surroundings(
            workflow_file=environ.get("CI_CONFIG_PATH") or ".gitlab-ci.yml",
            workspace=environ.get("CI_PROJECT_DIR") or None,
        )
    return Surroundings()


def _workflow(reference: str) -> str | None:
    """`owner/repo/.github/workflows/gpu.yml@refs/heads/main` without owner, repository and ref."""
    parts = reference.partition("@")[0].split("/", 2)
    return parts[2] if len(parts) == 3 and parts[2] else None
