"""The forms of the program's JSON, written down with the meaning and unit of each value."""

from __future__ import annotations
