"""Defects planted on purpose: a simulation is worth what it catches.

Each entry changes one small thing in the unchanged code (a guard that always passes, a table's cell, a retry left out)
and names the short plan of faults under which a campaign must notice, and the checks that may notice it. The same
plan without the defect must break nothing. `python -m sim.planted` runs them all.
"""
