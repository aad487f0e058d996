"""What is to be learned: data, loss, metric, evaluation, export; no arc."""
