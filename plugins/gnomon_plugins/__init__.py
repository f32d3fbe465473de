"""First-party plugins, loaded through entry points exactly as a stranger's are."""
