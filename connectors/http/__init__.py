"""The one way to a CRM over HTTP: client, time limits, answers, tokens, rate limits."""

from connectors.http.client import Complaint, HttpAnswer, HttpClient, check_base_url, done, explain_json, segment

__all__ = ["Complaint", "HttpAnswer", "HttpClient", "check_base_url", "done", "explain_json", "segment"]
