"""How an account outside is treated: breaker, quota, health, backoff, gates, lanes, kept tokens."""
