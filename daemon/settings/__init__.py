"""The one configuration: its tree, where it is loaded from, what the engine gets of it, and the approved hash."""
