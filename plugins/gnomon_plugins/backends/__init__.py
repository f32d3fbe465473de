"""First-party backends; one idea a file."""
