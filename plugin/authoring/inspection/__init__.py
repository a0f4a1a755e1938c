"""The rules as people look at them: every conversation as a table or a drawing, and what a change would change."""
