"""Measurements on this machine: `make bench`. Medians and ratios of one run; never a test."""
