"""What an architecture is: arcs, their decisions, their text. No TensorFlow."""
