"""A Snapshot survives JSON; what is no Snapshot is refused in a sentence; a shared one betrays nobody."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptsetup import replay
from ptsetup.errors import SnapshotError
from ptsetup.facts import (
    Disk,
    GpuProcess,
    Interface,
    Message,
    MigDevice,
    Network,
    PathEntry,
    PipConfig,
    SharedMemory,
    Snapshot,
    TorchDevice,
    replace,
)
from tests import builders, strategies

UUID = "5d3e1a90-1111-2222-3333-444455556666"
OTHER = "0a1b2c3d-9999-8888-7777-666655554444"


@settings(max_examples=60, deadline=None)
@given(strategies.snapshots())
def test_a_snapshot_survives_json(snapshot):
    assert replay.load(replay.dump(snapshot)) == snapshot


@settings(max_examples=60, deadline=None)
@given(strategies.snapshots())
def test_masking_keeps_the_shape_and_is_done_after_once(snapshot):
    once = replay.redact(snapshot)
    assert replay.load(replay.dump(once)) == once
    assert replay.redact(once) == once
    assert keys_of(msgspec.to_builtins(once)) == keys_of(msgspec.to_builtins(snapshot))


def keys_of(value):
    if isinstance(value, dict):
        return {key: keys_of(item) for key, item in value.items()}
    return [keys_of(item) for item in value] if isinstance(value, list | tuple) else None


@settings(max_examples=100, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=60),
        st.text(max_size=40).map(lambda t: json.dumps({"schema": 1, "origin": t, "host": t}).encode()),
    )
)
def test_garbage_is_refused_in_a_sentence(data):
    with pytest.raises(SnapshotError) as caught:
        replay.load(data)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"", "an empty file, not a Snapshot"),
        (b"PyTorch version: 2.4", "a text, not a Snapshot"),
        (b"[]", "an empty JSON list, not a Snapshot"),
        (b"\xff\xfe{}", "a text, not a Snapshot"),
        (b'{"schema": 1, "origin": "\xff"}', "damaged"),
        (b'{"schema": 1, "origin": "pro', "cut short or damaged"),
        (b"{" * 100_000, "a text, not a Snapshot"),
        (b'{"a":' * 100_000, "a text, not a Snapshot"),
        (b"{}", "an empty JSON document, not a Snapshot"),
        (b'{"schema": 1, "later": {}}', "of another kind, with schema, later in it, not a Snapshot"),
        (b'{"schema": 2}', "schema 2"),
        (b'{"schema": 1, "host": {"cpu": {"logical_cores": "two"}}}', "host.cpu.logical_cores"),
        (b'{"schema": 1, "host": {"pci": [{}]}}', "vendor"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(data, part):
    with pytest.raises(SnapshotError) as caught:
        replay.load(data)
    assert part in caught.value.message


def test_a_name_that_is_no_utf8_does_not_stop_the_dump():
    snapshot = Snapshot(host=builders.host(shm=SharedMemory(leftovers=("torch_\udce9",))))
    back = replay.load(replay.dump(snapshot))
    assert back.host.shm.leftovers == ("torch_\\udce9",)


def test_a_field_of_a_later_version_is_read_over():
    assert replay.load(b'{"schema": 1, "later": {"x": 1}, "origin": "probe"}').origin == "probe"


def test_the_schema_describes_what_is_dumped():
    schema = json.loads(replay.schema())
    fields = schema["$defs"]["Snapshot"]["properties"]
    assert set(json.loads(replay.dump(builders.machine()))) <= set(fields)


# sharing


def person(*texts, user="jane", host="alpha-7", home=None, **changes):
    """A machine with traces of a person in every field that can hold some."""
    home = home or f"/home/{user}"
    network = Network(
        hostname=host,
        hostname_addresses=("127.0.1.1", "10.2.3.4"),
        interfaces=(Interface(name="eth0", addresses=("10.2.3.4", "fe80::1")),),
    )
    gpu = builders.gpu(
        uuid=f"GPU-{UUID}",
        processes=(GpuProcess(pid=7, user=user, name=f"{home}/bin/train"),),
        mig_devices=(MigDevice(uuid=f"MIG-{OTHER}"),),
    )
    return builders.machine(
        host=builders.host(network=network, disks=(Disk(role="home", path=home),), user_groups=(user, "render")),
        nvidia=builders.nvidia(gpus=(gpu,)),
        target=builders.target(prefix=f"{home}/.venv", cwd=f"{home}/work"),
        messages=tuple(Message(text=text) for text in texts),
        **changes,
    )


def masked(text, **changes):
    return replay.redact(person(text, **changes)).messages[0].text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/scratch/jane/run", "/scratch/USER/run"),
        ("/scratch/torchinductor_jane/x: Permission denied", "/scratch/torchinductor_USER/x: Permission denied"),
        ("file:///home/jane/wheels", "file://~/wheels"),
        ("/home/jane", "~"),
        ("in /home/jane.", "in ~."),
        ("/home/janet/x", "~/x"),
        ("/var/home/jane/x and /export/home/jane/y", "~/x and ~/y"),
        (r"C:\Users\Jane Doe\AppData\x", r"~\AppData\x"),
        (r"C:\\Users\\jane\\x", r"~\\x"),
        ("/mnt/c/Users/jane/x", "~/x"),
        ("jane@alpha-7:~$", "USER@HOST:~$"),
        ("calling local janeiro", "calling local janeiro"),
        ("('alpha-7', 29500)", "('HOST', 29500)"),
        ("alpha-7.cluster.example.org refused", "HOST refused"),
        ("alpha-70 and beta-alpha-7", "alpha-70 and beta-alpha-7"),
        (f"GPU-{UUID.upper()}", "GPU-0"),
        ("GPU-5d3e", "GPU-0"),
        (f"MIG-{OTHER}", "MIG-0"),
        ("root=UUID=01234567-89ab-cdef-0123-456789abcdef ro", "root=UUID=UUID-0 ro"),
        ("Serial Number: 0324018012345", "Serial Number: SERIAL"),
        ("ether 02:42:ac:11:00:02", "ether MAC"),
        ("01:00.0 and 0000:01:00.0", "01:00.0 and 0000:01:00.0"),
        ("nvidia-cudnn-cu13 9.26.0.51", "nvidia-cudnn-cu13 9.26.0.51"),
        ("SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"),
        ("/opt/homebrew/opt/python@3.12", "/opt/homebrew/opt/python@3.12"),
    ],
)
def test_a_text_is_masked_by_word_and_segment(text, expected):
    assert masked(text) == expected


@pytest.mark.parametrize("user", ["al", "lib", "torch"])
def test_a_short_or_common_name_changes_no_other_word(user):
    text = "Could not load local/lib/libtorch.so: calling torch.tensor failed"
    assert masked(text, user=user) == text


def test_a_home_in_an_odd_place_is_masked_too():
    assert masked("/nfs/staff/é jane/x", home="/nfs/staff/é jane") == "~/x"
    assert masked("owned by zoe77", home="/nfs/staff/zoe77") == "owned by USER"


def test_torch_and_nvml_still_name_the_same_gpu():
    torch = replace(builders.torch(), devices=(TorchDevice(index=0, uuid=UUID), TorchDevice(index=1, uuid=OTHER)))
    shared = replay.redact(person(torch=torch))
    assert shared.nvidia.gpus[0].uuid.removeprefix("GPU-") == shared.torch.devices[0].uuid
    assert shared.torch.devices[1].uuid != shared.torch.devices[0].uuid


def test_hosts_in_variables_and_private_urls_are_masked_and_public_ones_stay():
    env = {
        "MASTER_ADDR": "node17.example.org",
        "HTTPS_PROXY": "http://proxy.example.com:3128",
        "NO_PROXY": "localhost,.example.net",
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
        "HF_ENDPOINT": "https://mirror.lan/hf",
        "UV_TORCH_BACKEND": "cu126",
    }
    pip = PipConfig(index_url="https://download.pytorch.org/whl/cu126", find_links=("http://wheels/cu126",))
    snapshot = replace(person("connect to node17.example.org failed"), env=env)
    shared = replay.redact(replace(snapshot, target=replace(snapshot.target, pip=pip)))
    assert shared.env == {
        "MASTER_ADDR": "HOST-1",
        "HTTPS_PROXY": "http://HOST-2:3128",
        "NO_PROXY": "localhost,.HOST-3",
        "KUBERNETES_SERVICE_HOST": "HOST-4",
        "HF_ENDPOINT": "https://HOST-6/hf",
        "UV_TORCH_BACKEND": "cu126",
    }
    assert shared.messages[0].text == "connect to HOST-1 failed"
    assert shared.target.pip.index_url == pip.index_url
    assert shared.target.pip.find_links == ("http://HOST-5/cu126",)


def test_loopback_stays_readable():
    shared = replay.redact(person(env={"MASTER_ADDR": "127.0.0.1"})).host.network
    assert shared.hostname_addresses == ("127.0.1.1", "ADDRESS")
    assert replay.redact(person(env={"MASTER_ADDR": "127.0.0.1"})).env["MASTER_ADDR"] == "127.0.0.1"


TOKENS = st.from_regex(r"[a-zé][a-z0-9é]{7,11}", fullmatch=True)
PLACES = ("user", "host", "home", "uuid", "address", "master", "path", "process")


def hidden(place, token):
    """A machine that holds the token in one personal field."""
    base = person()
    network, gpu = base.host.network, base.nvidia.gpus[0]
    processes = (GpuProcess(pid=1, user=token, name="python"),)
    entry = PathEntry(path=f"/Users/{token}/lib", kind="site")
    machines = {
        "user": person(user=token),
        "host": person(host=token),
        "home": person(home=f"/export/staff/{token}"),
        "uuid": replace(base, nvidia=builders.nvidia(gpus=(replace(gpu, uuid=token),))),
        "address": replace(base, host=replace(base.host, network=replace(network, hostname_addresses=(token,)))),
        "master": replace(base, env={"MASTER_ADDR": token}),
        "process": replace(base, nvidia=builders.nvidia(gpus=(replace(gpu, processes=processes),))),
        "path": replace(base, target=replace(base.target, sys_path=(entry,))),
    }
    return machines[place]


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(PLACES), TOKENS)
def test_no_personal_word_is_left_wherever_it_was(place, token):
    texts = (
        f"/data/{token}/x",
        f"({token})",
        f"{token}: failed",
        f"'{token}'",
        f"/home/{token}",
        f"/scratch/torchinductor_{token}",
    )
    snapshot = replace(hidden(place, token), messages=tuple(Message(text=text) for text in texts))
    assert token in replay.dump(snapshot).decode()
    assert token not in replay.dump(replay.redact(snapshot)).decode()
