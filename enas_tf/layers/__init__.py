"""Building blocks: operations and layers that take plain arguments."""
