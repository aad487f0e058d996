"""Who proposes arcs."""
