"""Services of the driver: asked only where systemd runs; a missing answer is no "inactive"."""

from ptsetup.probes import services
from tests.probes.trees import reasons, tree


def test_without_systemd_it_is_absent(tmp_path):
    looked = tree(tmp_path, {})
    assert services.start(looked, dict)() is None
    assert reasons(looked) == {"host.services": "absent"}


def test_the_states_in_the_order_asked():
    words = ["active", "inactive", "failed", "unknown", "activating", "inactive", "inactive"]
    assert services.parse_states("\n".join(words)) == [True, False, False, False, False, False, False]


def test_missing_lines_are_no_answer():
    assert services.parse_states("active\n") is None
    assert services.parse_states("Failed to connect to bus: No such file or directory") is None


def test_the_version_of_the_package_that_brings_a_service():
    packages = {"nvidia-fabricmanager-580": "580.95.05-1", "nvidia-compute-utils-580": "580.95.05-0ubuntu1"}
    assert services.version_of("nvidia-fabricmanager", packages) == "580.95.05-1"
    assert services.version_of("nvidia-persistenced", packages) == "580.95.05-0ubuntu1"
    assert services.version_of("nvidia-imex", packages) is None
