"""GGUF files: what their headers say, and whether the bytes behind them can be what they say.

`header` has the nouns, `parse` makes them from bytes and never reads, `read` is the only file that
opens one, `structure` checks extents, `table` and `model` say what a header means here.
"""
