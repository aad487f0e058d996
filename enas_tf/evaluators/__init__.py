"""From an arc to its score and its reward."""
