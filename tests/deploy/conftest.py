"""A Debian and the image on it, each made once, since one is put to use in the other; a CRM and a mail server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.images import Image, built_on, make_debian
from tests.deploy.tools import lacking, program
from tests.support.crm import RunningCrm, embedded_crm
from tests.support.mail import MailSink, mail_sink


@pytest.fixture(scope="session")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Debian of this machine's release, as root folder."""
    program("mmdebstrap")
    if os.geteuid() != 0:
        lacking("only root can make a Debian's root folder, build an image on it and boot it")
    root = tmp_path_factory.mktemp("debian") / "root"
    make_debian(root)
    return root


@pytest.fixture(scope="session")
def image(debian: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """The image that is built from deploy/Dockerfile."""
    program("buildah")
    with built_on(debian, tmp_path_factory.mktemp("image")) as image:
        yield image


@pytest.fixture(scope="module")
def crm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCrm]:
    with embedded_crm(tmp_path_factory.mktemp("crm")) as running:
        yield running


@pytest.fixture(scope="module")
def mail() -> Iterator[MailSink]:
    with mail_sink() as sink:
        yield sink
