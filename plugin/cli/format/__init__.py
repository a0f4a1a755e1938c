"""What the commands print: texts, tables and pages for a terminal."""
