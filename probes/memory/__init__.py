"""Memory that a model could have: totals, and the limits of every control group."""
