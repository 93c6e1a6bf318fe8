"""What `make fit` and `make accuracy` share: the published runs, and the fit of the speed model.

Not part of the program: it writes the parameters that the program reads. Standard library only.
"""

from __future__ import annotations
