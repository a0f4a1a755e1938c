"""A Debian and the image on it, each made once: what is built in one is put to use in the other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.images import Image, built_on, make_debian
from tests.deploy.tools import lacking, program


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
