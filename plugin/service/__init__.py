"""What a service process is put together from: its parts, the delivery thread, and the signals that end it."""
