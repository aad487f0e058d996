"""An arc becomes a computation: supernets and children."""
