"""Who may use the operators' page: accounts, sessions, signed links, and sign-in that slows down after failures."""
