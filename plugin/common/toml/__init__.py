"""TOML read with positions and written with care: sources, lines, faults in Russian, values as text."""
