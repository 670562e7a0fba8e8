"""What is refused before anything is changed, each with its way out."""

import pytest

from ptsetup.errors import InstallFailed
from ptsetup.facts import Disk, Host, Snapshot, Target, replace
from ptsetup.install import refusals
from ptsetup.plan import Plan

GB = 1000**3

PLAN = Plan(outcome="install", headline="torch", local="2.14.1+cu126", download_bytes=3 * GB, installed_bytes=6 * GB)

BY_PIP = replace(PLAN, commands=(("python", "-m", "pip", "install", "torch"),))


def snapshot(*, disks: tuple[Disk, ...] = (), **target) -> Snapshot:
    known = {"executable": "/v/bin/python", "prefix": "/v", "purelib": "/v/site-packages", "is_writable": True}
    return Snapshot(host=Host(system="linux", disks=disks), target=Target(**{**known, **target}))


def disk(role: str, free_gb: float, device: int = 1) -> Disk:
    return Disk(role=role, path=f"/{role}", free_bytes=int(free_gb * GB), device=device)


@pytest.mark.parametrize(
    ("facts", "seen", "way_out"),
    [
        ({"is_externally_managed": True}, "belongs to the operating system", "python3 -m venv .venv"),
        ({"is_writable": False}, "cannot be written", "python3 -m venv .venv"),
        ({"running_installs": (4711,)}, "process 4711", "Wait"),
    ],
    ids=["the system's Python", "no write access", "another installer"],
)
def test_of_the_target(facts, seen, way_out):
    with pytest.raises(InstallFailed, match=seen) as refused:
        refusals.check(snapshot(**facts), PLAN)
    assert way_out in refused.value.hint


@pytest.mark.parametrize(
    ("plan", "disks", "way_out"),
    [
        (PLAN, (disk("target", 6),), "on a larger disk"),
        (PLAN, (disk("target", 9), disk("uv_cache", 5, 2)), "UV_CACHE_DIR"),
        (BY_PIP, (disk("target", 9), disk("temp", 2.9, 3)), "TMPDIR"),
        (BY_PIP, (disk("target", 9), disk("temp", 9)), "on a larger disk"),
    ],
    ids=["target", "cache", "temp of pip", "pip's target and temp on one disk"],
)
def test_too_little_room(plan, disks, way_out):
    with pytest.raises(InstallFailed, match=r"Too little room for torch 2\.14\.1\+cu126") as refused:
        refusals.check(snapshot(disks=disks, has_pip=True), plan)
    assert way_out in refused.value.hint


def test_enough_room_is_enough():
    """What lies on one file system is counted once: uv links from its cache, and needs no room for temporary files."""
    refusals.check(snapshot(disks=(disk("target", 6.3), disk("uv_cache", 6.3), disk("temp", 6.3))), PLAN)
    refusals.check(snapshot(disks=(disk("target", 6.3), disk("temp", 0.001, 2))), PLAN)
    refusals.check(snapshot(disks=(disk("target", 9.3), disk("temp", 9.3)), has_pip=True), BY_PIP)
    at_hand = replace(BY_PIP, commands=((*BY_PIP.commands[0], "--no-index", "--find-links", "/wheels"),))
    refusals.check(snapshot(disks=(disk("target", 6.3), disk("temp", 0.001, 2)), has_pip=True), at_hand)
    refusals.check(snapshot(disks=(Disk(role="target", path="/target"),)), PLAN)


def test_the_lock_is_one_for_all_and_goes_with_its_holder(tmp_path):
    with refusals.lock(str(tmp_path)):
        with pytest.raises(InstallFailed, match="Another ptsetup install"), refusals.lock(str(tmp_path)):
            pytest.fail("two hold it")
        assert (tmp_path / refusals.LOCK_NAME).exists()
    assert not (tmp_path / refusals.LOCK_NAME).exists()
    with refusals.lock(str(tmp_path)):
        pass


def test_a_lock_file_that_was_removed_in_between_locks_nothing(tmp_path, monkeypatch):
    """Who waited for it would hold a file that nobody else can see."""
    real = refusals.take

    def removed_meanwhile(descriptor: int) -> bool:
        (tmp_path / refusals.LOCK_NAME).unlink()
        return real(descriptor)

    monkeypatch.setattr(refusals, "take", removed_meanwhile)
    with pytest.raises(InstallFailed, match="Another ptsetup install"), refusals.lock(str(tmp_path)):
        pytest.fail("it was held")


def test_a_prefix_that_is_gone_is_told(tmp_path):
    with pytest.raises(InstallFailed, match="cannot be written"), refusals.lock(str(tmp_path / "gone")):
        pytest.fail("it was held")
