"""Disk to tf.data."""
