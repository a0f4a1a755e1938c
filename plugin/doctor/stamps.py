"""Points about time stamps: the package for them is there, and the service gives one that is vouched for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from plugin.doctor.checks import DoctorCheck
from plugin.promise.stamping import StampClient, StampFailed
from plugin.promise.time_stamps import PACKAGE, has_package

if TYPE_CHECKING:
    from plugin.config.settings import Settings

_TRIED = b"optout doctor"


def time_stamps(settings: Settings) -> Iterator[DoctorCheck]:
    """Tried with a text of no meaning; where no service is set there is nothing to say."""
    service = settings.stamps
    if service is None:
        return
    if not has_package():
        name = "the package for time stamps is installed"
        yield DoctorCheck("proof", name, ok=False, remedy=f"Install it: {PACKAGE}")
        return
    name = f"{urlsplit(service.url).netloc} stamps the chain's heads"
    try:
        StampClient(service).stamp(_TRIED)
        yield DoctorCheck("proof", name)
    except StampFailed as error:
        remedy = f"Correct [proof] stamp_url or stamp_ca_file, or see to it that it can be reached: {error}"
        yield DoctorCheck("proof", name, ok=False, remedy=remedy)
