"""First-party statistics; one idea a file."""
