"""All rules, in the order of their ids; one file a family.

An id is never given to another rule, and a rule that is gone keeps its id.
"""

from __future__ import annotations

from advisor.check.rules.asked_gpus import RULES as ASKED_GPUS
from advisor.check.rules.devices import RULES as DEVICES
from advisor.check.rules.disk import RULES as DISK
from advisor.check.rules.drivers import RULES as DRIVERS
from advisor.check.rules.host import RULES as HOST
from advisor.check.rules.limits import RULES as LIMITS
from advisor.check.rules.model import RULES as MODEL
from advisor.check.rules.speed import RULES as SPEED

RULES = tuple(
    sorted(
        (*DRIVERS, *DEVICES, *ASKED_GPUS, *LIMITS, *HOST, *DISK, *MODEL, *SPEED),
        key=lambda rule: rule.id,
    )
)
