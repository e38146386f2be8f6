"""The types of events, by what they come from. Other packages import them from the catalogue, `domain/events.py`."""
