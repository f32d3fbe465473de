"""First-party procedures; one idea a file."""
