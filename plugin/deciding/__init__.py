"""Facts in, decision out: pure, without I/O and without memory of a session."""
