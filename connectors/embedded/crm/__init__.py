"""The embedded CRM itself, apart from its connector: a process with an API, a page, webhooks and a SQLite file."""
