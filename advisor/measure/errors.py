"""Why a measurement stops: nothing to measure with, nothing to measure, or the program failed."""

from __future__ import annotations

from advisor.errors import ExitCode, ProbeFailedError, UsageError


class NoRuntimeError(UsageError):
    """No program is here that could time a model."""


class NotHereError(UsageError):
    """The model's file is not on this machine."""


class DoesNotFitError(UsageError):
    """The model does not fit this machine, so that there is nothing to time."""

    exit_code = ExitCode.NOTHING_FITS


class RuntimeFailedError(ProbeFailedError):
    """The program that was to time the model failed, was killed, or answered nonsense."""
