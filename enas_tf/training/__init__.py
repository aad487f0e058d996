"""Gradient steps of the networks."""
