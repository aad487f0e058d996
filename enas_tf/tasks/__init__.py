"""What is to be learned: data, loss, metric, evaluation and export."""
