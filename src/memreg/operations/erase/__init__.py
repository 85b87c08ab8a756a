"""Erasing for good: what a memory said is taken away wherever it is, and what is left tells that it was there."""
