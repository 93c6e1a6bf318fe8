"""What `MODEL` means: a model, and the quants it can be had in.

`named` reads what was typed; `offer` is the noun; `shelf` offers a model of the catalog, `local` a
file of this machine, `remote` a repository of the Hub. Nothing downstream knows which it was.
"""
