"""Alerts for the admins: each cause is told once when it begins, and once when it is over."""

from plugin.monitoring.watch import AlertWatch

__all__ = ["AlertWatch"]
