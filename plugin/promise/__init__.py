"""What becomes of what a client was promised: who must not be called, and that it is kept."""
