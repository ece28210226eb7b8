"""Tests mirror the source tree: `test_<module>.py` beside the path of the module."""
