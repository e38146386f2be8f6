"""The types of alerts that no record tells, by subject. Other packages import them from `catalogue.py` in here."""
