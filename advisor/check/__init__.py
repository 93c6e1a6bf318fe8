"""The gate for CI: whether this machine meets a requirement, why not, and what to do.

`requirement` and `file` say what is asked, `rules/` compare it with the machine one by one, `run`
puts their outcomes together, and `formats/` write them as each kind of server wants them.
"""
