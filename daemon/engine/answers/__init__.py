"""What the exchange's answers tell of the account as a whole: refusals, and cancels that nobody of ours asked for."""
