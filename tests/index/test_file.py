"""The shipped index, and what becomes of damaged ones."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptsetup import index
from ptsetup.errors import WheelIndexError
from ptsetup.index import store
from ptsetup.index.tags import platform_of_tag
from ptsetup.index.verify import verify

DATA = index.locate().read_bytes()


def test_the_shipped_index_is_sound_and_survives_its_own_writing():
    wheels = index.load(str(index.locate()))
    assert verify(wheels) == ()
    assert index.parse(index.dump(wheels), "copy") == wheels


def test_a_handful_of_facts():
    """Written out by hand from the sources, so that a slip of the table shows."""
    wheels = index.load(str(index.locate()))
    default = wheels.build("2.15.0", "cu132", "linux_x86_64", "default")
    assert (default.status, default.cuda) == ("seen", "13.2.2")
    assert {"cp311", "cp315"} <= set(default.pythons)
    assert "cp310" not in default.pythons
    assert wheels.build("2.15.0", "cpu", "win_amd64", "default") is not None
    assert wheels.build("2.15.0", "cu130", "linux_x86_64").status == "announced"
    assert "sm_37" in wheels.build("2.7.1", "cu118", "linux_x86_64").sass
    assert "sm_70" not in wheels.build("2.7.1", "cu128", "linux_x86_64").sass
    assert "sm_70" in wheels.build("2.8.0", "cu128", "linux_x86_64").sass
    assert wheels.build("2.15.0", "cu126", "linux_x86_64") is None
    assert not any((c.project, c.version, c.backend) == ("torchaudio", "2.11.0", "cu132") for c in wheels.companions)
    assert wheels.build("2.7.0", "cpu", "linux_x86_64").min_glibc == "2.28"
    assert wheels.gpu_capability("NVIDIA GeForce GTX 1080 Ti") == (6, 1)


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(WheelIndexError, match="cannot be read"):
        index.load(str(tmp_path / "no such file.json"))


def test_another_schema_is_refused_as_such(tmp_path):
    file = tmp_path / "index.json"
    file.write_text(json.dumps({"schema": 99}))
    with pytest.raises(WheelIndexError, match="schema 99"):
        index.load(str(file))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(DATA) - 3))
def test_a_file_cut_short_anywhere_is_an_index_error(length):
    with pytest.raises(WheelIndexError):
        index.parse(DATA[:length], "cut")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(DATA) - 1), st.integers(0, 255))
def test_one_wrong_byte_never_crashes(position, byte):
    damaged = DATA[:position] + bytes([byte]) + DATA[position + 1 :]
    try:
        wheels = index.parse(damaged, "damaged")
    except WheelIndexError:
        return
    assert isinstance(verify(wheels), tuple)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"date": "soon"}, "date"),
        ({"builds": lambda rows: (*rows, rows[0])}, "builds[770]"),
        ({"builds": lambda rows: (msgspec.structs.replace(rows[0], sass=("sm_x",)), *rows[1:])}, "builds[0].sass[0]"),
        ({"builds": lambda rows: (msgspec.structs.replace(rows[0], torch="8.8.8"), *rows[1:])}, "builds[0].torch"),
        (
            {"builds": lambda rows: (msgspec.structs.replace(rows[0], pythons=("python3",)), *rows[1:])},
            "builds[0].pythons[0]",
        ),
        ({"files": lambda rows: (msgspec.structs.replace(rows[0], sha256="12"), *rows[1:])}, "files[0].sha256"),
        ({"files": lambda rows: (msgspec.structs.replace(rows[0], file="../x.whl"), *rows[1:])}, "files[0].file"),
        ({"releases": lambda rows: rows[::-1]}, "releases"),
        (
            {"releases": lambda rows: (msgspec.structs.replace(rows[0], requires={"win_amd64": ("a==",)}), *rows[1:])},
            "releases[0].requires.win_amd64[0]",
        ),
        ({"xpu": lambda xpu: msgspec.structs.replace(xpu, ubuntu="noble")}, "xpu.ubuntu"),
        ({"xpu": lambda xpu: msgspec.structs.replace(xpu, windows="eleven")}, "xpu.windows"),
        ({"mirrors": lambda rows: (msgspec.structs.replace(rows[0], per_tag="http://x"),)}, "mirrors[0].per_tag"),
    ],
)
def test_a_wrong_value_is_named_by_its_path(change, path):
    wheels = index.load(str(index.locate()))
    changes = {name: value(getattr(wheels, name)) if callable(value) else value for name, value in change.items()}
    problems = verify(msgspec.structs.replace(wheels, **changes))
    assert any(problem.split(": ")[0] == path for problem in problems), problems


def test_a_value_of_the_wrong_type_is_named_by_its_path():
    with pytest.raises(WheelIndexError, match=r"builds\[\.\.\.\]\.torch|\$\.builds"):
        index.parse(DATA.replace(b'"torch":"1.7.0"', b'"torch":170', 1), "typed")


def test_the_newer_of_cached_and_shipped_is_used_and_a_damaged_copy_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    shipped = index.load()
    newer = msgspec.structs.replace(shipped, date="2099-01-01")
    index.save(newer, index.cache_path())
    wheels, source = index.find()
    assert (wheels.date, source.kind) == ("2099-01-01", "cached")
    older = msgspec.structs.replace(shipped, date="2020-01-01")
    index.save(older, index.cache_path())
    assert index.find()[1].kind == "shipped"
    index.cache_path().write_bytes(b"{ not json")
    store._find.cache_clear()
    wheels, source = index.find()
    assert source.kind == "shipped"
    assert "passed over" in source.note
    store._find.cache_clear()


@pytest.mark.parametrize(
    "layout", [index.dump, lambda wheels: msgspec.json.encode(wheels.__class__(**as_tuples(wheels)))]
)
def test_the_layout_of_the_file_does_not_matter(layout):
    """Large tables on lines of their own are cut out before anything is decoded; any other JSON is read as it stands."""
    wheels = index.load(str(index.locate()))
    assert index.parse(layout(wheels), "laid out otherwise") == wheels


def as_tuples(wheels):
    fields = {name: getattr(wheels, name) for name in wheels.__struct_fields__}
    return {**fields, **{table: tuple(fields[table]) for table in store.LATE}}


@pytest.mark.parametrize(
    ("tag", "platform"),
    [
        ("manylinux_2_28_x86_64", "linux_x86_64"),
        ("manylinux_2_27_aarch64.manylinux_2_28_aarch64", "linux_aarch64"),
        ("manylinux1_x86_64", "linux_x86_64"),
        ("manylinux2014_aarch64", "linux_aarch64"),
        ("linux_s390x", "linux_s390x"),
        ("win_arm64", "win_arm64"),
        ("macosx_11_0_arm64", "macos_arm64"),
        ("macosx_10_9_x86_64", "macos_x86_64"),
        ("any", None),
        ("win32", None),
        ("musllinux_1_2_x86_64", None),
        ("linux_armv7l", None),
    ],
)
def test_a_platform_tag_names_the_platform(tag, platform):
    assert platform_of_tag(tag) == platform
