"""The claims about speed, each printed by a command."""
