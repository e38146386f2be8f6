"""The append-only, hash-chained record of every step, and the folds over it."""
