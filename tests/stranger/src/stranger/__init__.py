"""A distribution that gnomon knows nothing of."""
