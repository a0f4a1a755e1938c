"""Alerts: what the admins have to hear of, each cause once, and once when it is over."""

from plugin.monitoring.watch import AlertWatch

__all__ = ["AlertWatch"]
