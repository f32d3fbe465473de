"""My thing: measures and plugins for gnomon."""
