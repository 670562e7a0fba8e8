"""What ``--share`` masks, and what it leaves alone."""

import json

import pytest

from ptsetup import cli, replay
from ptsetup.facts import GpuProcess, Interface, Message, Network, Reading, Unknown, replace
from tests import builders

ID = "GPU-11111111-2222-3333-4444-555555555555"


def personal(*texts):
    """A machine with a person on it, and error texts."""
    network = Network(
        hostname="alpha-7",
        hostname_addresses=("127.0.1.1", "10.2.3.4"),
        interfaces=(Interface(name="eth0", addresses=("10.2.3.4", "fe80::1")),),
    )
    processes = (GpuProcess(pid=7, user="jane", name="/home/jane/train"),)
    return builders.machine(
        host=builders.host(network=network),
        nvidia=builders.nvidia(gpus=(builders.gpu(uuid=ID, processes=processes),)),
        target=builders.target(prefix="/home/jane/.venv"),
        messages=tuple(Message(text=text) for text in texts),
    )


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("/home/jane/.venv/lib", "~/.venv/lib"),
        (r"C:\Users\jane\x", r"~\x"),
        ("/Users/jane/x", "~/x"),
        ("owned by jane", "owned by USER"),
        ("janeiro and mary-jane", "janeiro and mary-jane"),
        ("on alpha-7:29500", "on HOST:29500"),
        ("from 10.2.3.4 to fe80::1", "from ADDRESS to ADDRESS"),
        ("bound to 127.0.1.1", "bound to 127.0.1.1"),
        (f"CUDA_VISIBLE_DEVICES={ID}", "CUDA_VISIBLE_DEVICES=GPU-0"),
        ("driver 580.95.05, torch 2.14.1+cu126", "driver 580.95.05, torch 2.14.1+cu126"),
    ],
)
def test_a_text(text, masked):
    machine = personal(text)
    assert replay.shared(machine, machine).messages[0].text == masked


def test_nothing_personal_is_left_anywhere():
    machine = personal("jane on alpha-7")
    text = replay.dump(replay.shared(machine, machine)).decode()
    assert not any(word in text for word in ("jane", "alpha-7", "10.2.3.4", "fe80", "11111111-2222"))


def test_the_same_id_gets_the_same_word():
    machine = personal(ID, ID.replace("1111", "9999", 1), ID)
    texts = [message.text for message in replay.shared(machine, machine).messages]
    assert texts[0] == texts[2] != texts[1]


def test_a_machine_without_a_person_stays_as_it_is():
    machine = builders.machine(nvidia=builders.nvidia(gpus=(builders.gpu(uuid=None),)))
    machine = replace(machine, target=replace(machine.target, prefix="/opt/venv"))
    same = replay.shared(machine, machine)
    assert replay.dump(same).count(b"~") <= replay.dump(machine).count(b"/home/user")
    assert same.nvidia == machine.nvidia
    assert same.host == machine.host


@pytest.mark.parametrize("form", ["json", "text", "markdown"])
def test_the_doctor_masks_all_that_it_prints(form, tmp_path, capsys):
    path = tmp_path / "machine.json"
    path.write_bytes(
        replay.dump(personal("ImportError: /home/jane/x/libtorch_cpu.so: undefined symbol: iJIT_NotifyEvent"))
    )
    cli.run(["doctor", "--from", str(path), "--share", "--format", form, "-v"])
    out = capsys.readouterr().out
    assert "iJIT_NotifyEvent" in out
    assert "jane" not in out
    assert form != "json" or json.loads(out)["findings"]


@pytest.mark.parametrize(
    "name", ["found", "target", "probe", "none", "x86_64", "fork", "sysfs", "glibc", "report", "env", "nvidia-smi"]
)
def test_a_person_named_like_a_word_of_ours_changes_no_meaning(name):
    """States, kinds and the paths of facts are no texts: only what may hold a name is masked."""
    machine = builders.machine(
        host=builders.host(network=Network(hostname=name), container="none", machine="x86_64", pci_source="sysfs"),
        target=builders.target(start_method="fork", prefix=f"/home/{name}/.venv"),
        readings=(Reading(probe="host", status="found"),),
        unknowns=(Unknown(path="target.pip", reason="failed", detail=f"/home/{name}/pip.conf"),),
        messages=(Message(text=f"by {name}, in /home/{name}/x"),),
    )
    shared = replay.shared(machine, machine)
    assert (shared.messages[0].text, shared.target.prefix) == ("by USER, in ~/x", "~/.venv")
    assert shared.host.network.hostname == "HOST"
    assert shared.unknowns == (Unknown(path="target.pip", reason="failed", detail="~/pip.conf"),)
    assert (shared.readings, shared.origin) == (machine.readings, machine.origin)
    for field in ("container", "machine", "pci_source"):
        assert getattr(shared.host, field) == getattr(machine.host, field)
    assert shared.target.start_method == "fork"


def test_a_password_in_a_foreign_text_is_masked():
    machine = personal("Looking in indexes: https://me:s3cret@host.example/simple?token=t0ken, symbol a:b@GLIBC_2.38")
    text = replay.shared(machine, machine).messages[0].text
    assert text == "Looking in indexes: https://host.example/simple, symbol a:b@GLIBC_2.38"
