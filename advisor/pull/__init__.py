"""Getting a file from the Hub into the cache that other programs share, whole or not at all.

`choose` says which file of a repository is meant, `plan` what of it is missing and whether the
disk has room, `store` knows the cache's layout, `lock` keeps two programs apart, `partial` is what
has come so far, `download` makes it grow, `progress` counts. Text is `advisor.render.pull`'s.
"""
