"""The plugin's own mail."""
