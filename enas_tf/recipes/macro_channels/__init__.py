"""Networks whose layers join a range of channels of every operation."""
