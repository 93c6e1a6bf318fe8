"""What this machine says about itself, and what was measured on it.

Every probe asks one source (a driver, the kernel, a timed loop), returns what that source
answered, and leaves ``None`` where it did not answer. Nothing here looks a figure up in a
table: a figure that has to be looked up is not a fact about *this* machine, and
`advisor.target` joins it in later. This package imports neither `catalog` nor `advisor`.
"""

from __future__ import annotations

DISTRIBUTION = "gguf-advisor"
"""The distribution this package belongs to, by which `advisor` notices a stranger's."""
