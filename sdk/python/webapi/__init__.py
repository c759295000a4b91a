"""The client of the official Python sample, under its official name."""
