"""What a report looks like: functions from a report to a string, which never print.

The only place where bytes become GiB, rates are rounded and figures get thousands separators.
"""

from __future__ import annotations
