"""The scratch of a graph, by doing what llama.cpp does: draw it, share it out, and find room.

`sketch` holds a graph's tensors; `draft`, `blocks` and `experts` draw what most graphs are made of,
and a file for each family draws its layers; `folding` leaves repeats out; `schedule` shares the
graph out among devices, and `allocator` finds room for one tensor after another. `scratch` is the
way in.
"""
