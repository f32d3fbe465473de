"""First-party sources; one idea a file."""
