"""How much memory a model takes on a target, how fast it goes, and why.

Each file holds one quantity. Data flows one way: `weights`, `kv_cache`, `graph_shape` and `compute`
say what a layer costs, `costs` sums it over layers, `placement` says where the layers are, `memory`
adds up per device, `fit` compares with what there is, `speed` times it, and `estimator` puts one
answer together. `graph` has the scratch of every graph that is drawn; `graph_shape` and
`compute` have formulas for the others.
"""

from __future__ import annotations
