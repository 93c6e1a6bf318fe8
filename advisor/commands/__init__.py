"""One file a command: it parses, calls one function, and writes one string."""

from __future__ import annotations
