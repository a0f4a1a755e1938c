"""plugin.toml becomes settings, or faults that name file, line and remedy."""
