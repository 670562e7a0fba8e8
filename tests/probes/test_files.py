"""Reading single files: each is guarded on its own, and says why it told nothing."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptsetup.probes import _text
from ptsetup.probes._tree import Tree, clean
from tests.probes.trees import Link, open_way, plant, reasons, tree, without_rights


def test_what_is_not_there_is_absent(tmp_path):
    looked = tree(tmp_path, {"/etc/file": "x"})
    assert looked.text("/etc/missing", "host.a") is None
    assert looked.text("/etc/file/below", "host.b") is None
    assert looked.names("/etc/nothing", "host.c") is None
    assert reasons(looked) == {"host.a": "absent", "host.b": "absent", "host.c": "absent"}
    assert "/etc/missing" in looked.unknowns[0].detail


def test_what_is_forbidden_is_denied(tmp_path):
    looked = tree(tmp_path, {"/secret": "x", "/closed/file": "x"})
    (tmp_path / "secret").chmod(0)
    (tmp_path / "closed").chmod(0)
    open_way(tmp_path)
    try:
        with without_rights():
            assert looked.text("/secret", "host.a") is None
            assert looked.names("/closed", "host.b") is None
    finally:
        (tmp_path / "closed").chmod(0o755)
    assert reasons(looked) == {"host.a": "denied", "host.b": "denied"}


def test_a_folder_or_a_circle_in_the_place_of_a_file_has_failed(tmp_path):
    looked = tree(tmp_path, {"/folder/x": "", "/circle": Link("circle")})
    assert looked.text("/folder", "host.a") is None
    assert looked.text("/circle", "host.b") is None
    assert looked.text("/with\0nul", "host.c") is None
    assert reasons(looked) == {"host.a": "failed", "host.b": "failed", "host.c": "failed"}


def test_a_named_pipe_without_a_writer_does_not_hold_us(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert Tree(str(tmp_path)).text("/pipe") == ""


def test_binary_content_and_nul_become_text(tmp_path):
    assert tree(tmp_path, {"/x": b"a\0b\xff\n"}).text("/x") == "ab\ufffd\n"


def test_a_large_file_is_read_up_to_its_limit(tmp_path):
    looked = tree(tmp_path, {"/x": b"y" * 5000})
    assert len(looked.data("/x", limit=1000)) == 1000


def test_an_empty_line_is_a_failure_with_a_reason(tmp_path):
    looked = tree(tmp_path, {"/x": " \n"})
    assert looked.line("/x", "host.a") is None
    assert reasons(looked) == {"host.a": "failed"}


def test_the_first_reason_of_a_fact_stays(tmp_path):
    looked = Tree(str(tmp_path))
    looked.note("host.a", "denied")
    looked.note("host.a", "failed")
    looked.note(None, "failed")
    assert reasons(looked) == {"host.a": "denied"}


def test_names_with_spaces_and_foreign_letters_are_read(tmp_path):
    root = plant(tmp_path / "mein Rechner é", {"/dev/mein/torch_ä b": "x"})
    assert Tree(root).names("/dev/mein") == ("torch_ä b",)


@given(st.binary(max_size=12).map(os.fsdecode))
def test_a_clean_name_is_text_that_json_carries(name):
    assert clean(name).encode("utf-8").decode() == clean(name)
    assert clean(clean(name)) == clean(name)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12),
        (" -1\n", -1),
        ("0", 0),
        ("", None),
        (None, None),
        ("1.5", None),
        ("²", None),
        ("\u0661", None),
        ("9" * 19, None),
        ("9" * 5000, None),
    ],
)
def test_a_whole_number(text, number):
    assert _text.whole(text) == number


@pytest.mark.parametrize(("text", "number"), [("0x10de", 0x10DE), ("ff", 255), ("0x", None), ("g", None), ("-1", None)])
def test_a_hexadecimal_number(text, number):
    assert _text.whole(text, 16) == number


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0-3", 4),
        ("0", 1),
        ("0-3,8,10-11", 7),
        ("", None),
        ("3-0", None),
        ("a", None),
        ("0-99999999999", None),
        ("-1", None),
    ],
)
def test_a_list_of_cores(text, count):
    assert _text.cores_in(text) == count


@given(st.text(max_size=40))
def test_numbers_in_any_text_never_raise(text):
    for function in (_text.whole, _text.kibibytes, _text.cores_in, _text.pairs, lambda t: _text.whole(t, 16)):
        function(text)
