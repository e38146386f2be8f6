"""The language of the house: time, money, markets, events in, actions out. Imports nothing of ours."""
