"""The exchange's own forms: requests, answers, signatures, and the venue that speaks them."""
