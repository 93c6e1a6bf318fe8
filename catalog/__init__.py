"""What exists: devices, models, quants, and what is known of each, with its source.

Facts are rows in data files beside this code, each with the source it was taken from and the
day it was checked; the loader refuses a row without them. This package knows nothing about
the machine it runs on, and imports neither `probes` nor `advisor`.
"""

from __future__ import annotations

DISTRIBUTION = "gguf-advisor"
"""The distribution this package belongs to, by which `advisor` notices a stranger's."""
