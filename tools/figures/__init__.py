"""Figures of the accuracy report, drawn as SVG by the standard library alone."""
