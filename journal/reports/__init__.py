"""Folds over the journal for people: window and day reports, plots, the ledger."""
