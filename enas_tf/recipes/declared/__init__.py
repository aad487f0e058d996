"""A space that a user declares: decisions, and what builds their networks."""
