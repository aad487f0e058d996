"""Whole convolutional networks, layer by layer."""
