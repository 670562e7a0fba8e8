"""What the tests of the installer share."""

import pytest

from tests.install.world import World
from tests.loopback import serve


@pytest.fixture
def world(tmp_path):
    with serve() as pytorch, serve() as default:
        yield World(tmp_path, pytorch, default)
