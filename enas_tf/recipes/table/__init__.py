"""Tables of scores: nothing is trained, and a search takes seconds."""
