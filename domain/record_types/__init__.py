"""The types of records, by subject. Other packages import them from the catalogue, `domain/records.py`."""
