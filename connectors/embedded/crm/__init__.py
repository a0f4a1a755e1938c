"""The embedded CRM itself: a process with an API, a page, webhooks and a SQLite file; its connector stands outside."""
