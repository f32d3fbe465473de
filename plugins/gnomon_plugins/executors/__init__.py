"""First-party executors; one idea a file."""
