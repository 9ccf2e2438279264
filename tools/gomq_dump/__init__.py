"""Inspect segment files directly."""
