"""The one way to a CRM over HTTP: client, time limits, answers, tokens, rate limits."""
