"""Commands that print the numbers which the documents state."""
