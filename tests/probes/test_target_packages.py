"""What is installed in the target, whole or damaged: metadata, RECORD, conda, torch's own files, companions, libraries."""

import hashlib
import json
import pathlib
import shutil
import subprocess
import sys

import pytest

from ptsetup.facts import Companion
from tests.probes.targets import dist, dists, found, looked, torch


def torch_of(section):
    (one,) = dists(section, "torch")
    return one


def test_a_whole_torch(tmp_path):
    torch(
        tmp_path, requires=["sympy>=1.13", "typing_extensions"], tag="cp312-cp312-manylinux_2_28_x86_64", installer="uv"
    )
    dist(tmp_path, "sympy", "1.14.0")
    dist(tmp_path, "requests", "2.0")
    section = looked(pythonpath=[tmp_path], cwd=tmp_path)
    one = torch_of(section)
    assert (one.version, one.location, one.installer) == ("2.14.1+cu126", str(tmp_path), "uv")
    assert (one.has_metadata, one.has_record, one.is_editable) == (True, True, False)
    assert (one.missing_files, one.resized_files, one.altered_files) == ((), (), None)
    assert one.requires == ("sympy>=1.13", "typing_extensions")
    assert one.wheel_tags == ("cp312-cp312-manylinux_2_28_x86_64",)
    assert one.installed_at > 0
    assert dists(section, "sympy"), "what torch requires is told"
    assert not dists(section, "requests"), "what has nothing to do with torch is not"
    wheel = section.wheel
    assert (wheel.version, wheel.cuda, wheel.hip, wheel.xpu, wheel.is_debug) == (
        "2.14.1+cu126",
        "12.6",
        None,
        None,
        False,
    )
    assert (wheel.has_version_file, wheel.build_kind, wheel.has_shm_manager) == (True, "pip", True)
    assert wheel.path == str(tmp_path / "torch")
    assert wheel.git_version.startswith("cf30153")


def test_version_file_is_never_executed(tmp_path):
    witness = tmp_path / "witness"
    code = f"open({str(witness)!r}, 'w').close()\n__version__ = '2.1.0'\ncuda: Optional[str] = '11.8'\nhip = None\n"
    torch(tmp_path, "2.1.0", files={"torch/version.py": code}, code=code)
    wheel = looked(pythonpath=[tmp_path], cwd=tmp_path).wheel
    assert (wheel.version, wheel.cuda) == ("2.1.0", "11.8")
    assert not witness.exists()


def test_without_version_file(tmp_path):
    torch(tmp_path, "2.14.1")
    (tmp_path / "torch/version.py").unlink()
    wheel = looked(pythonpath=[tmp_path], cwd=tmp_path).wheel
    assert (wheel.version, wheel.has_version_file, wheel.cuda) == ("2.14.1", False, None)


def test_files_that_are_missing_or_cut_short(tmp_path):
    torch(tmp_path)
    (tmp_path / "torch/lib/libtorch_cpu.so").write_bytes(b"\x7fELF")
    (tmp_path / "torch/lib/libc10.so").unlink()
    (tmp_path / "torch/nn/functional.py").unlink()
    one = torch_of(looked(pythonpath=[tmp_path], cwd=tmp_path))
    assert one.missing_files == ("torch/lib/libc10.so",)
    assert one.resized_files == ("torch/lib/libtorch_cpu.so (104, 4)",)
    deep = torch_of(looked(pythonpath=[tmp_path], cwd=tmp_path, is_deep=True))
    assert set(deep.missing_files) == {"torch/lib/libc10.so", "torch/nn/functional.py"}


def test_content_is_compared_only_under_deep(tmp_path):
    torch(tmp_path)
    library = tmp_path / "torch/lib/libc10.so"
    library.write_bytes(b"X" * library.stat().st_size)
    assert torch_of(looked(pythonpath=[tmp_path], cwd=tmp_path)).altered_files is None
    assert torch_of(looked(pythonpath=[tmp_path], cwd=tmp_path, is_deep=True)).altered_files == ("torch/lib/libc10.so",)


def test_a_record_with_commas_and_quotes(tmp_path):
    """RECORD is CSV; pip's own lines have neither hash nor size."""
    info = torch(tmp_path)
    odd = tmp_path / "torch/lib/lib,odd.so"
    odd.write_bytes(b"12345")
    record = info / "RECORD"
    record.write_text(record.read_text() + '"torch/lib/lib,odd.so",sha256=x,4\n../../bin/torchrun,,\ntorch/x.pyc,,\n')
    dist(tmp_path, "numpy", "2.3.4", {"numpy/a.so": b"1"})
    lines = (tmp_path / "numpy-2.3.4.dist-info/RECORD").read_text()
    (tmp_path / "numpy-2.3.4.dist-info/RECORD").write_text('"numpy/b,c.so",sha256=x,9\n' + lines)
    section = looked(pythonpath=[tmp_path], cwd=tmp_path)
    assert dists(section, "numpy")[0].missing_files == ("numpy/b,c.so",)
    assert torch_of(section).missing_files == ()


def test_metadata_or_record_missing(tmp_path):
    torch(tmp_path, metadata=False, record=False, installer=None)
    one = torch_of(looked(pythonpath=[tmp_path], cwd=tmp_path))
    assert (one.version, one.has_metadata, one.has_record, one.installer, one.requires) == (
        None,
        False,
        False,
        None,
        None,
    )
    assert one.missing_files is None


def test_two_records_of_one_package(tmp_path):
    torch(tmp_path, "2.14.1")
    dist(tmp_path, "torch", "2.7.1")
    assert [one.version for one in dists(looked(pythonpath=[tmp_path], cwd=tmp_path), "torch")] == ["2.14.1", "2.7.1"]


def test_leftovers(tmp_path):
    torch(tmp_path)
    (tmp_path / "~orch-2.7.1.dist-info").mkdir()
    (tmp_path / "~orch").mkdir()
    section = looked(pythonpath=[tmp_path], cwd=tmp_path)
    assert section.leftovers == ("~orch", "~orch-2.7.1.dist-info")
    assert len(dists(section, "torch")) == 1


def test_names_are_normalised(tmp_path):
    dist(tmp_path, "Flash_Attn", "2.7.4", requires=["torch"])
    dist(tmp_path, "nvidia-cudnn-cu12", "9.5.1.17")
    dist(tmp_path, "some.odd_Package", "1", requires=["Torch (>=2.0)"])
    dist(tmp_path, "torch-like", "1", requires=["torch-geometric"])
    names = {one.name for one in looked(pythonpath=[tmp_path], cwd=tmp_path).distributions}
    assert {"flash-attn", "nvidia-cudnn-cu12", "some-odd-package"} <= names
    assert "torch-like" not in names


def test_where_it_came_from_without_credentials(tmp_path):
    url = json.dumps({"url": "https://user:secret@host/torch.whl", "archive_info": {}})
    torch(tmp_path, direct_url__json=url)
    one = torch_of(looked(pythonpath=[tmp_path], cwd=tmp_path))
    assert (one.source_url, one.is_editable) == ("https://host/torch.whl", False)


def test_an_editable_installation(tmp_path):
    """Its folder is on no path: a finder leads there."""
    source, site = tmp_path / "src", tmp_path / "site"
    torch(source, "2.16.0a0+git1234567", cuda="None")
    shutil.rmtree(source / "torch-2.16.0a0+git1234567.dist-info")
    dist(
        site,
        "torch",
        "2.16.0a0+git1234567",
        direct_url__json=json.dumps({"url": f"file://{source}", "dir_info": {"editable": True}}),
    )
    finder = (
        "import sys, importlib.util\nclass Finder:\n @staticmethod\n def find_spec(name, path=None, target=None):\n"
        f"  return importlib.util.spec_from_file_location(name, {str(source / 'torch/__init__.py')!r}) if name == 'torch' else None\n"
        "sys.meta_path.append(Finder)\n"
    )
    (site / "sitecustomize.py").write_text(finder, encoding="utf-8")
    section = looked(pythonpath=[site], cwd=tmp_path)
    assert section.torch_origin == str(source / "torch/__init__.py")
    assert (section.wheel.path, section.wheel.build_kind) == (str(source / "torch"), "source")
    assert torch_of(section).is_editable


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"text"', b"\xff\xfe\x00garbage"])
def test_damaged_files_cost_only_themselves(tmp_path, content):
    info = torch(tmp_path)
    for name in ("direct_url.json", "INSTALLER", "WHEEL", "entry_points.txt"):
        (info / name).write_bytes(content)
    (tmp_path / "xformers").mkdir()
    dist(tmp_path, "xformers", "0.0.30", {"xformers/cpp_lib.json": content})
    one = found(pythonpath=[tmp_path], cwd=tmp_path)
    assert one.status == "found"
    assert torch_of(one.record).version == "2.14.1+cu126"


def test_damaged_metadata(tmp_path):
    info = torch(tmp_path)
    (info / "METADATA").write_bytes(b"\xff\x00garbage without end" * 100)
    (info / "RECORD").write_bytes(b"\xff\x00,\n\n,,,,,\ntorch/lib/x.so,sha256=,notanumber\n")
    section = looked(pythonpath=[tmp_path], cwd=tmp_path)
    one = torch_of(section)
    assert (one.version, one.has_metadata) == (None, True)
    assert section.wheel.version == "2.14.1+cu126"


def test_a_folder_in_place_of_a_file(tmp_path):
    info = torch(tmp_path)
    (info / "METADATA").unlink()
    (info / "METADATA").mkdir()
    assert torch_of(looked(pythonpath=[tmp_path], cwd=tmp_path)).has_metadata is False


def test_egg_info_of_an_old_installation(tmp_path):
    folder = tmp_path / "torch-1.13.1-py3.10.egg-info"
    folder.mkdir(parents=True)
    (folder / "PKG-INFO").write_text("Name: torch\nVersion: 1.13.1\n", encoding="utf-8")
    one = torch_of(looked(pythonpath=[tmp_path], cwd=tmp_path))
    assert (one.version, one.has_record, one.has_metadata) == ("1.13.1", None, True)


@pytest.fixture
def conda(tmp_path):
    """An environment as conda lays it out, by what of it is read: an interpreter whose prefix has conda-meta."""
    folder = tmp_path / "conda"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    meta = folder / "conda-meta"
    meta.mkdir()

    def add(name, version, build, channel):
        record = {"build": build, "channel": channel, "depends": [], "files": ["x"] * 50}
        (meta / f"{name}-{version}-{build}.json").write_text(json.dumps(record), encoding="utf-8")

    add("pytorch", "2.5.1", "py3.11_cpu_0", "https://conda.anaconda.org/pytorch/linux-64")
    add("pytorch-mutex", "1.0", "cpu", "pytorch")
    add("mkl", "2024.2.2", "ha957f24_16", "https://conda.anaconda.org/t/tk-1234-secret/conda-forge/linux-64")
    add("_openmp_mutex", "4.5", "2_gnu", "https://repo.anaconda.com/pkgs/main/linux-64")
    add("requests", "2.0", "py_0", "conda-forge")
    return folder


def test_conda(conda):
    section = looked(python=conda / "bin/python")
    told = {one.name: (one.version, one.build, one.channel, one.installer) for one in section.distributions}
    assert section.is_conda
    assert told["pytorch"] == ("2.5.1", "py3.11_cpu_0", "pytorch", "conda")
    assert told["pytorch-mutex"] == ("1.0", "cpu", "pytorch", "conda")
    assert told["mkl"][2] == "conda-forge"
    assert told["openmp-mutex"][2] == "pkgs/main"
    assert "requests" not in told


def test_conda_s_torch_beside_pip_s(conda):
    site = next(conda.glob("lib/python3*/site-packages"))
    torch(site, "2.5.1", cuda="None", installer="conda")
    assert looked(python=conda / "bin/python").wheel.build_kind == "conda"
    shutil.rmtree(next(site.glob("torch-*.dist-info")))
    dist(site, "torch", "2.14.1+cu126", installer="pip")
    assert looked(python=conda / "bin/python").wheel.build_kind == "pip"


@pytest.mark.parametrize(
    ("version", "options", "kind"),
    [
        *((version, {}, "pip") for version in ("2.14.1+cu126", "2.14.1+cpu", "2.14.1+rocm6.4", "2.14.1+xpu", "2.14.1")),
        ("2.5.0a0+872d972e41.nv24.8", {}, "vendor"),
        ("2.14.1", {"installer": "debian"}, "vendor"),
        ("2.16.0a0+gitcf30153", {}, "source"),
    ],
)
def test_kinds_of_builds(tmp_path, version, options, kind):
    torch(tmp_path, version, **options)
    assert looked(pythonpath=[tmp_path], cwd=tmp_path).wheel.build_kind == kind


def test_rocm(tmp_path):
    torch(tmp_path, "2.14.1+rocm6.4", cuda="None", hip="'6.4.43482-0f2d60242'")
    wheel = looked(pythonpath=[tmp_path], cwd=tmp_path).wheel
    assert (wheel.cuda, wheel.hip) == (None, "6.4.43482-0f2d60242")


def test_the_helper_of_shared_memory(tmp_path):
    torch(tmp_path)
    assert looked(pythonpath=[tmp_path], cwd=tmp_path).wheel.is_shm_manager_executable is False
    (tmp_path / "torch/bin/torch_shm_manager").chmod(0o755)
    assert looked(pythonpath=[tmp_path], cwd=tmp_path).wheel.is_shm_manager_executable is True


def companion(section, name):
    return next(one for one in section.companions if one.name == name)


def test_companions(tmp_path):
    torch(tmp_path)
    dist(
        tmp_path,
        "torchvision",
        "0.29.1",
        {"torchvision/version.py": "__version__ = '0.29.1+cu126'\ngit_version = 'x'\n"},
    )
    dist(tmp_path, "torchaudio", "2.14.1+cpu")
    built = {"version": {"cuda": 1208, "hip": None, "torch": "2.10.0+cu128", "python": "3.11.2", "flash": "2.7"}}
    dist(tmp_path, "xformers", "0.0.35", {"xformers/cpp_lib.json": json.dumps(built)})
    url = "https://host/flash_attn-2.7.4.post1+cu12torch2.6cxx11abiFALSE-cp311-cp311-linux_x86_64.whl"
    dist(tmp_path, "flash-attn", "2.7.4.post1", direct_url__json=json.dumps({"url": url, "archive_info": {}}))
    names = ("libbitsandbytes_cpu.so", "libbitsandbytes_cuda126.so")
    dist(tmp_path, "bitsandbytes", "0.50.2", {f"bitsandbytes/{name}": b"" for name in names})
    section = looked(pythonpath=[tmp_path], cwd=tmp_path)
    assert companion(section, "torchvision") == Companion(
        name="torchvision", version="0.29.1+cu126", local="cu126", cuda="12.6"
    )
    assert companion(section, "torchaudio") == Companion(name="torchaudio", version="2.14.1+cpu", local="cpu")
    xformers = companion(section, "xformers")
    assert (xformers.built_for_torch, xformers.local, xformers.cuda) == ("2.10.0+cu128", "cu128", "12.8")
    flash = companion(section, "flash-attn")
    assert (flash.built_for_torch, flash.details) == ("2.6", {"cxx11abi": "FALSE"})
    assert companion(section, "bitsandbytes").details == {"libraries": " ".join(names)}


def test_the_core_of_numpy(tmp_path):
    assert looked(cwd=tmp_path).numpy_core_ok in (None, True)
    dist(
        tmp_path,
        "numpy",
        "2.3.4",
        {"numpy/__init__.py": "", "numpy/_core/_multiarray_umath.cpython-311-x86_64-linux-gnu.so": b""},
    )
    assert looked(pythonpath=[tmp_path], cwd=tmp_path).numpy_core_ok is True
    next(tmp_path.glob("numpy/_core/*.so")).unlink()
    assert looked(pythonpath=[tmp_path], cwd=tmp_path).numpy_core_ok is False


def test_backends_that_torch_loads_by_itself(tmp_path):
    text = "[console_scripts]\nx = y:z\n\n[torch.backends]\ngood = goodone:autoload\nbad = is_not_there.deep:autoload\n"
    dist(tmp_path, "torch-good", "1", {"goodone.py": "raise SystemExit"}, entry_points__txt=text)
    assert looked(pythonpath=[tmp_path], cwd=tmp_path).backend_entry_points == {
        "good": "", "bad": "no module named is_not_there"
    }  # fmt: skip


def test_libraries_of_the_wheel_and_their_shadows(tmp_path):
    site, other, same = tmp_path / "site", tmp_path / "other", tmp_path / "same"
    torch(site)
    dist(
        site,
        "nvidia-cudnn-cu12",
        "9.5.1.17",
        {"nvidia/cudnn/lib/libcudnn.so.9": b"a" * 90, "nvidia/nccl/lib/libnccl.so.2": b"b" * 20},
    )
    for folder, size in ((other, 70), (same, 90)):
        folder.mkdir()
        (folder / "libcudnn.so.9.1.0").write_bytes(b"\x7fELF" + b"\0" * (size - 4))
        (folder / "libcudnn.so.9").symlink_to("libcudnn.so.9.1.0")
        (folder / "unrelated.so").write_bytes(b"")
    path = f"{other}:{same}:{site}/nvidia/cudnn/lib:/nowhere"
    section = looked(pythonpath=[site], cwd=tmp_path, LD_LIBRARY_PATH=path)
    own = {one.soname: one for one in section.wheel_libraries}
    assert {"libtorch_cpu.so", "libc10.so", "libcudnn.so.9", "libnccl.so.2"} <= set(own)
    assert own["libcudnn.so.9"].version == "9"
    shadows = [(one.path, one.version, one.via) for one in section.shadow_libraries]
    assert shadows == [
        (f"{other}/libcudnn.so.9", "9.1.0", "LD_LIBRARY_PATH"),
        (f"{same}/libcudnn.so.9", "9", "LD_LIBRARY_PATH"),
    ], "a file of the same size counts as the same version; the wheel's own folder is no shadow"


def test_openmp_runtimes(tmp_path):
    torch(tmp_path, files={"torch/lib/libgomp-a34b3233.so.1": b"", "scikit_learn.libs/libgomp-d22c30c5.so.1.0.0": b""})
    section = looked(pythonpath=[tmp_path], cwd=tmp_path)
    ours = [path for path in section.openmp_libraries if path.startswith(str(tmp_path))]
    assert ours == [
        f"{tmp_path}/torch/lib/libgomp-a34b3233.so.1",
        f"{tmp_path}/scikit_learn.libs/libgomp-d22c30c5.so.1.0.0",
    ]
    assert section.wheel.has_own_openmp


@pytest.fixture(scope="module")
def compiler():
    found_one = shutil.which("c++") or shutil.which("g++")
    if found_one is None or sys.platform != "linux":
        pytest.skip("no C++ compiler for ELF here")
    return found_one


def build(compiler, folder, name, code, *options):
    """Compile a library."""
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / f"{name}.cpp"
    source.write_text(code, encoding="utf-8")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(folder / name), str(source), *options], check=True)
    source.unlink()
    return (folder / name).read_bytes()


@pytest.mark.parametrize(
    ("option", "kind"), [("--disable-new-dtags", "RPATH"), ("--enable-new-dtags", "RUNPATH"), (None, None)]
)
def test_how_a_library_names_its_neighbours(tmp_path, compiler, option, kind):
    flags = [f"-Wl,{option},-rpath,$ORIGIN"] if option else []
    data = build(compiler, tmp_path / "built", "libtorch_cuda.so", "int x;", *flags)
    torch(tmp_path, files={"torch/lib/libtorch_cuda.so": data})
    assert looked(pythonpath=[tmp_path], cwd=tmp_path).wheel.rpath_kind == kind


C10 = "namespace c10 { int kept(int x) { return x; } namespace detail { int also() { return 1; } } }"
EXTENSION = """
namespace c10 { int kept(int x); int removed(int x); namespace detail { int also(); } }
namespace other { int thing(); }
extern "C" int run() { return c10::kept(1) + c10::removed(2) + c10::detail::also(); }
"""


def test_extensions_that_ask_for_symbols_which_torch_lacks(tmp_path, compiler):
    """Real libraries, small: an extension built against a c10 that had one function more."""
    old, new, site = tmp_path / "old", tmp_path / "new", tmp_path / "site"
    build(
        compiler, old, "libc10.so", C10 + "namespace c10 { int removed(int x) { return x; } }", "-Wl,-soname,libc10.so"
    )
    data = build(compiler, new, "libc10.so", C10, "-Wl,-soname,libc10.so")
    extension = build(compiler, tmp_path / "ext", "_C.so", EXTENSION, "-L", str(old), "-lc10")
    torch(site, files={"torch/lib/libc10.so": data})
    dist(site, "myext", "1.0", {"myext/_C.so": extension, "myext/plain.so": b"not ELF"}, requires=["torch>=2"])
    section = looked(pythonpath=[site], cwd=tmp_path)
    (broken,) = section.broken_extensions
    assert (broken.path, broken.distribution) == (f"{site}/myext/_C.so", "myext")
    assert broken.symbols == ("_ZN3c107removedEi",)
    shutil.copy(old / "libc10.so", site / "torch/lib/libc10.so")
    assert looked(pythonpath=[site], cwd=tmp_path).broken_extensions == ()


@pytest.mark.parametrize("cut", [0, 3, 63, 64, 200, 1000, -100])
def test_a_damaged_library_is_no_accident_of_ours(tmp_path, compiler, cut):
    data = build(compiler, tmp_path / "built", "libc10.so", C10, "-Wl,-soname,libc10.so")
    torch(tmp_path, files={"torch/lib/libtorch_cpu.so": data[:cut], "torch/lib/libc10.so": data[:cut]})
    extension = build(
        compiler,
        tmp_path / "ext",
        "_C.so",
        EXTENSION,
        "-L",
        str(tmp_path / "built"),
        "-lc10",
        "-Wl,--unresolved-symbols=ignore-all",
    )
    dist(tmp_path, "myext", "1.0", {"myext/_C.so": extension[:cut] if cut else extension}, requires=["torch"])
    one = found(pythonpath=[tmp_path], cwd=tmp_path)
    assert one.status == "found"
    assert one.record.wheel.version == "2.14.1+cu126"


@pytest.mark.torch
def test_a_real_torch_is_whole(torch_env):
    one = found(python=torch_env / "bin/python")
    section = one.record
    assert [unknown for unknown in one.unknowns if unknown.path.startswith("target")] == []
    installed = torch_of(section)
    assert (installed.missing_files, installed.resized_files) == ((), ())
    assert section.wheel.version.startswith(installed.version.partition("+")[0])
    assert section.wheel.rpath_kind in ("RPATH", "RUNPATH")
    assert section.wheel.is_shm_manager_executable
    assert section.numpy_core_ok
    assert section.broken_extensions == ()
    assert {"libtorch_cpu.so", "libc10.so"} <= {library.soname for library in section.wheel_libraries}


@pytest.mark.torch
def test_a_real_torch_cut_short(torch_env, tmp_path):
    """libtorch_cpu.so of a copy (hard links) is replaced by its first half; the child reads it and says so."""
    site = next(torch_env.glob("lib/python3*/site-packages"))
    subprocess.run(["cp", "-al", f"{site}/torch", str(tmp_path / "torch")], check=True)
    shutil.copytree(next(site.glob("torch-*.dist-info")), tmp_path / next(site.glob("torch-*.dist-info")).name)
    library = tmp_path / "torch/lib/libtorch_cpu.so"
    size = library.stat().st_size
    digest = hashlib.sha256((site / "torch/lib/libc10.so").read_bytes()).hexdigest()
    library.unlink()
    with (site / "torch/lib/libtorch_cpu.so").open("rb") as source, library.open("wb") as sink:
        sink.write(source.read(1 << 20))
    section = looked(python=torch_env / "bin/python", pythonpath=[tmp_path], cwd=tmp_path)
    one = dists(section, "torch")[0]
    assert one.resized_files == (f"torch/lib/libtorch_cpu.so ({size}, {1 << 20})",)
    assert section.wheel.version is not None
    assert hashlib.sha256((site / "torch/lib/libc10.so").read_bytes()).hexdigest() == digest
    assert (site / "torch/lib/libtorch_cpu.so").stat().st_size == size


def test_many_packages_are_read(tmp_path):
    for number in range(300):
        dist(tmp_path, f"package-{number}", "1.0")
    dist(tmp_path, "uses-torch", "1.0", requires=["torch>=2; extra == 'x'"])
    section = looked(pythonpath=[tmp_path], cwd=tmp_path)
    assert section.package_count >= 301
    assert dists(section, "uses-torch")
    assert not dists(section, "package-7")


def test_nothing_is_written_into_the_target(tmp_path):
    torch(tmp_path)
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    looked(pythonpath=[tmp_path], cwd=pathlib.Path("/"), is_deep=True)
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before
