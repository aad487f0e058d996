"""The verbs: search, derive, train, evaluate, export."""
