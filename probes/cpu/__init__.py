"""The CPU: its model, the cores this process may use, instruction sets and caches."""
