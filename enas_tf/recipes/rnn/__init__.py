"""Recurrent cells of language models."""
