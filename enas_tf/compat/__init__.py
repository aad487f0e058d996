"""What the original ENAS code wrote: variables and checkpoints."""
