"""Who does the work that takes long: processes, and later machines."""
