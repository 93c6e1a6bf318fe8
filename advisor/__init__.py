"""The judgement: what fits this machine, how fast it runs, and how that is known."""

from __future__ import annotations
