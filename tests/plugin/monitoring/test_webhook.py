"""Alerts go to a webhook too, signed, whatever becomes of the mail server."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks.webhooks import Webhook

from plugin.monitoring.webhook import AlertWebhook
from tests.plugin.delivery.fake_crm import START
from tests.plugin.monitoring.office import ADMIN, Office
from tests.support.fake_api import FakeApi, fake_api

SECRET = "whsec_" + base64.b64encode(b"w" * 32).decode()
