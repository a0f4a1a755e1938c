"""The rules for people to look at: every conversation as a table or a drawing, and the effects of a change."""
