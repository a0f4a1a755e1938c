"""Real parts for tests: the embedded CRM as a process, and a mail server that keeps what it is given."""
