"""First-party scorers; one idea a file."""
