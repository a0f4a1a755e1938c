"""Rules changed without fear: verified, inspected, archived and published."""
