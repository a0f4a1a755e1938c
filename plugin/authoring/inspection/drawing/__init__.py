"""The conversation tree drawn as an SVG picture."""
