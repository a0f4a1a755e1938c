"""Shadow: a revision that decides live calls beside the active one, after they were answered, and changes nothing."""
