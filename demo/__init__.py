"""The main job played from end to end on this machine: calls in, comments, reminders and e-mails out (``make demo``)."""
