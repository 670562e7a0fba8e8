"""Names, interfaces, the rendezvous port, the clock: nothing that blocks holds us, nothing leaves this machine."""

import http.server
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptsetup.probes import network
from ptsetup.probes._tree import Tree
from tests.probes.trees import reasons, tree

INTERFACES = {
    "/sys/class/net/eth0/flags": "0x1003\n",
    "/sys/class/net/lo/flags": "0x9\n",
    "/sys/class/net/down0/flags": "0x1002\n",
    "/sys/class/net/broken/flags": "garbage\n",
    "/proc/net/if_inet6": (
        "00000000000000000000000000000001 01 80 10 80       lo\n"
        "fe80000000000000025056fffe123456 02 40 20 80     eth0\n"
        "zz80000000000000025056fffe123456 02 40 20 80     eth0\n"
        "short\n"
    ),
}


def taken(looked, env=None):
    return network.start(looked, env or {})()


def test_interfaces_by_their_flags(tmp_path):
    found = {one.name: one for one in taken(tree(tmp_path, INTERFACES)).interfaces}
    assert set(found) == {"eth0", "lo", "down0"}
    assert (found["eth0"].is_up, found["eth0"].is_loopback) == (True, False)
    assert (found["lo"].is_up, found["lo"].is_loopback, found["lo"].addresses) == (True, True, ("::1",))
    assert found["down0"].is_up is False
    assert found["eth0"].addresses == ("fe80::250:56ff:fe12:3456",)


def test_no_network_folder_is_unknown(tmp_path):
    looked = tree(tmp_path, {})
    found = taken(looked)
    assert (found.interfaces, found.hostname, found.rdma_devices) == (None, None, None)
    assert reasons(looked)["host.network.interfaces"] == "absent"
    assert reasons(looked)["host.network.hostname"] == "absent"


def test_rdma_devices(tmp_path):
    assert taken(tree(tmp_path / "a", {"/sys/class/infiniband/mlx5_0/": ""})).rdma_devices == ("mlx5_0",)
    assert taken(tree(tmp_path / "b", {"/sys/class/": ""})).rdma_devices == ()


def test_a_name_that_resolves_and_one_that_cannot():
    assert set(network.resolve("localhost")) & {"127.0.0.1", "::1"}
    assert network.resolve("no.such.name.invalid.") == ()
    assert network.resolve("x" * 300) == ()
    assert network.resolve("\udce9") == ()


def test_a_call_that_blocks_is_left_behind():
    hold = threading.Event()
    answer = network.Answer(hold.wait, 0.01)
    assert answer.get() == (False, None)
    hold.set()


def test_a_call_that_answers():
    assert network.Answer(lambda: 7, 5).get() == (True, 7)


def test_a_name_that_never_resolves_is_a_timeout(tmp_path):
    looked = tree(tmp_path, {"/proc/sys/kernel/hostname": "alpha\n"})
    waiting = network.Waiting("localhost", {}, deadline_scale=0.0)
    hold = threading.Event()
    waiting._names = network.Answer(hold.wait, 0.0)
    found = waiting.finish(looked, None, None)
    hold.set()
    assert found.hostname_addresses is None
    assert reasons(looked) == {"host.network.hostname_addresses": "timeout"}


@pytest.fixture
def listener():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield str(server.getsockname()[1])


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def test_the_rendezvous_port_is_tried_for_rank_0_of_a_distributed_run_only(listener):
    assert network.is_port_free({}) is None
    assert network.is_port_free({"MASTER_PORT": listener}) is False
    assert network.is_port_free({"MASTER_PORT": listener, "RANK": "0"}) is False
    assert network.is_port_free({"MASTER_PORT": listener, "RANK": "1"}) is None
    assert network.is_port_free({"MASTER_PORT": free_port()}) is True


@pytest.mark.parametrize("port", ["0", "70000", "x", "-1", "²"])
def test_a_port_that_is_none(port):
    assert network.is_port_free({"MASTER_PORT": port}) is None


def test_the_master_is_reached_from_other_ranks_only(listener):
    env = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": listener}
    assert network.reach_master({**env, "RANK": "1"}) is True
    assert network.reach_master({**env, "RANK": "0"}) is None
    assert network.reach_master({"RANK": "1"}) is None
    assert network.reach_master({**env, "RANK": "1", "MASTER_PORT": free_port()}) is False


class Clock(http.server.BaseHTTPRequestHandler):
    date = "Wed, 01 Jan 2020 00:00:00 GMT"

    def do_HEAD(self):
        self.send_response_only(301)
        self.send_header("Date", self.date)
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.mark.parametrize(("date", "is_known"), [(Clock.date, True), ("nonsense", False), ("", False)])
def test_the_clock_is_compared_with_a_server_s_date(date, is_known):
    handler = type("Handler", (Clock,), {"date": date})
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        offset = network.clock_offset("127.0.0.1", server.server_port)
        server.shutdown()
        thread.join()
    assert (offset is not None and offset > 86400) is is_known


def test_no_server_is_no_offset():
    assert network.clock_offset("127.0.0.1", int(free_port())) is None


def test_certificate_files_that_do_not_exist(tmp_path):
    looked = tree(tmp_path, {"/etc/ca é.pem": ""})
    env = {"SSL_CERT_FILE": "/etc/ca é.pem", "REQUESTS_CA_BUNDLE": "/gone.pem", "PIP_CERT": ""}
    assert network.missing_ca_files(looked, env) == ("REQUESTS_CA_BUNDLE=/gone.pem",)


@given(st.text(max_size=80))
def test_any_table_of_addresses_never_raises(text):
    network.addresses_v6(text)


def test_without_online_nothing_is_asked_of_the_network(tmp_path):
    found = taken(Tree(str(tmp_path)), {"MASTER_ADDR": "192.0.2.1", "RANK": "1"})
    assert (found.master_reachable, found.clock_offset_s) == (None, None)
