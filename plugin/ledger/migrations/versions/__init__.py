"""One module per step, named after what it does; never changed once released."""
