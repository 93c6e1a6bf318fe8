"""What each command answers, as nouns: everything decided, nothing yet written."""

from __future__ import annotations
