"""Normal and reduction cells of convolutional networks."""
