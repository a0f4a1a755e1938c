"""Delivery: what was decided gets into the CRM and the mail, once, in time, whatever breaks on the way."""

from plugin.delivery.worker import Worker

__all__ = ["Worker"]
