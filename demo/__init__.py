"""The main job played from end to end on this machine: calls in, comments, reminders and mails out (``make demo``)."""
