"""How fast this machine reads its memory: timed once per boot, and kept."""
