"""Seventeen harms, each done for real to a copy of an environment: the cause is named first, and the right fix."""

import os
import shutil
import subprocess
import sys

import pytest

from tests import standins

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(
        sys.platform != "linux", reason="the harms are done with hard links and shared libraries of Linux"
    ),
]


def cause(document):
    """Code of the first error or warning, what it says, and all that is to be typed or done about it."""
    told = [finding for finding in document["findings"] if finding["severity"] != "note"]
    assert told, document["headline"]
    fixes = " | ".join(
        " ".join([fix["text"], fix["shell"] or "", *(" ".join(command) for command in fix["commands"])])
        for fix in told[0]["fixes"]
    )
    return told[0]["code"], told[0]["message"], fixes


def test_the_environment_as_it_is_is_healthy(harmed):
    document = harmed.doctor()
    assert [f["code"] for f in document["findings"] if f["severity"] == "error"] == []
    assert document["headline"].startswith("All well: torch ")


def test_torch_absent(harmed):
    for path in harmed.site.glob("torch*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    code, _, fixes = cause(harmed.doctor())
    assert code == "PT202"
    assert "ptsetup install" in fixes


def test_numpy_core_gone(harmed):
    (core,) = (harmed.site / "numpy" / "_core").glob("_multiarray_umath*")
    core.unlink()
    code, message, fixes = cause(harmed.doctor())
    assert code == "PT212"
    assert "numpy" in message
    assert "install --force-reinstall" in fixes
    assert "numpy==" in fixes


def test_wrong_torchvision(harmed):
    """A torchvision that names another torch; its compiled part is not needed to see that."""
    info = harmed.site / "torchvision-0.20.1.dist-info"
    harmed.write(
        info / "METADATA", "Metadata-Version: 2.1\nName: torchvision\nVersion: 0.20.1\nRequires-Dist: torch (==2.5.1)\n"
    )
    harmed.write(info / "RECORD", "torchvision/__init__.py,,\ntorchvision-0.20.1.dist-info/METADATA,,\n")
    harmed.write(
        harmed.site / "torchvision" / "__init__.py", "raise RuntimeError('operator torchvision::nms does not exist')\n"
    )
    code, message, fixes = cause(harmed.doctor())
    assert code == "PT301"
    assert "0.20.1" in message
    assert "torchvision" in fixes
    assert "ptsetup install" in fixes


def test_library_removed(harmed):
    (harmed.site / "torch" / "lib" / "libtorch_cpu.so").unlink()
    code, message, fixes = cause(harmed.doctor())
    assert code == "PT212"
    assert "libtorch_cpu.so" in message
    assert "--force-reinstall" in fixes


def test_library_cut_short(harmed):
    library = harmed.site / "torch" / "lib" / "libtorch_cpu.so"
    with library.open("rb") as file:
        head = file.read(20_000_000)
    harmed.write(library, head)
    code, message, fixes = cause(harmed.doctor())
    assert code == "PT212"
    assert "libtorch_cpu.so" in message
    assert "--force-reinstall" in fixes


@pytest.mark.parametrize("words", [(), ("--no-import",)], ids=["import", "no import"])
@pytest.mark.parametrize("name", ["torch.py", "torch/__init__.py"], ids=["file", "package"])
def test_something_named_torch_in_the_working_folder(harmed, name, words):
    harmed.write(harmed.workspace / name, "x = 1\n")
    code, message, fixes = cause(harmed.doctor(*words))
    assert code == "PT203"
    assert str(harmed.workspace / name.split("/")[0]) in message
    assert "mv " in fixes


def test_second_torch_through_pythonpath(harmed, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(harmed.site / "torch", other / "torch", copy_function=os.link)
    version = other / "torch" / "version.py"
    harmed.write(version, version.read_text().replace("__version__ = '", "__version__ = '1."))
    code, message, fixes = cause(harmed.doctor(env={"PYTHONPATH": str(other)}))
    assert code in ("PT206", "PT203")
    assert str(other) in message
    assert "unset PYTHONPATH" in fixes


def test_torch_py_through_pythonpath(harmed, tmp_path):
    other = tmp_path / "other"
    harmed.write(other / "torch.py", "x = 1\n")
    code, message, fixes = cause(harmed.doctor(env={"PYTHONPATH": str(other)}))
    assert code in ("PT206", "PT203")
    assert str(other) in message
    assert "unset PYTHONPATH" in fixes


def refuses(mount):
    """The system does not let this user mount anything."""
    try:
        return subprocess.run([*mount, "true"], capture_output=True, check=False).returncode != 0
    except FileNotFoundError:
        return True


def test_small_shared_memory(harmed):
    """A mount of its own over /dev/shm, as Docker makes it; needs the right to mount."""
    mount = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=64m tmpfs /dev/shm && exec "$@"', "sh"]
    if refuses(mount):
        pytest.skip("this user may not mount: /dev/shm cannot be made small")
    code, message, fixes = cause(harmed.doctor(prefix=mount))
    assert code == "PT706"
    assert "64 M" in message
    assert "--shm-size" in fixes or "remount" in fixes


@pytest.mark.parametrize("value", ["", "garbage", "-1"])
def test_cuda_visible_devices(harmed, tmp_path, value):
    harmed.claim_cuda()
    env = standins.environment(standins.nvml(tmp_path / "nvml", {}), standins.cuda(100))
    code, _, fixes = cause(harmed.doctor("--no-import", env=env | {"CUDA_VISIBLE_DEVICES": value}))
    assert code == "PT650"
    assert "unset CUDA_VISIBLE_DEVICES" in fixes


def test_nvml_mismatch(harmed, tmp_path):
    harmed.claim_cuda()
    env = standins.environment(standins.nvml(tmp_path / "nvml", init_rc=18))
    code, _, fixes = cause(harmed.doctor("--no-import", env=env))
    assert code == "PT503"
    assert "reboot" in fixes


def test_text_files_in_place_of_libcuda(harmed, tmp_path):
    folder = tmp_path / "text"
    harmed.write(folder / "libcuda.so.1", "this is no library\n")
    code, message, fixes = cause(harmed.doctor("--no-import", env={"LD_LIBRARY_PATH": str(folder)}))
    assert code == "PT405"
    assert str(folder / "libcuda.so.1") in message
    assert "LD_LIBRARY_PATH" in fixes


def test_read_only_site_packages(harmed):
    """By its mode; root may write all the same, so it gets a mount that nobody may write to."""
    mount = []
    if os.geteuid() == 0:
        script = f'mount --bind -o ro "{harmed.site}" "{harmed.site}" && exec "$@"'
        mount = ["unshare", "--mount", "sh", "-c", script, "sh"]
        if refuses(mount):
            pytest.skip("this user may write everywhere and may not mount: nothing can be made read-only")
    else:
        harmed.site.chmod(0o555)
    try:
        code, message, fixes = cause(harmed.doctor("--no-import", prefix=mount))
    finally:
        harmed.site.chmod(0o755)
    assert code == "PT217"
    assert str(harmed.site) in message
    assert "venv" in fixes


def smi(folder, text):
    folder.mkdir()
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def test_nvidia_smi_that_never_returns(harmed, tmp_path):
    code, _, fixes = cause(harmed.doctor("--no-import", env=smi(tmp_path / "smi", "sleep 600")))
    assert code == "PT535"
    assert "type -a nvidia-smi" in fixes


def test_nvidia_smi_that_prints_a_mismatch(harmed, tmp_path):
    env = smi(tmp_path / "smi", 'echo "Failed to initialize NVML: Driver/library version mismatch"; exit 18')
    code, _, fixes = cause(harmed.doctor("--no-import", env=env))
    assert code == "PT503"
    assert "reboot" in fixes


@pytest.mark.soak
def test_torch_for_numpy_1_beside_numpy_2(tmp_path):
    """The last torch that was built for NumPy 1, with NumPy 2: a download of hundreds of megabytes."""
    from tests.doctor.conftest import Environment

    folder = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    environment = Environment(folder, tmp_path / "work")
    pip = [str(environment.python), "-m", "pip", "install", "--quiet"]
    if subprocess.run([*pip, "torch==2.2.2", "numpy>=2,<2.3"], check=False).returncode:
        pytest.skip("torch 2.2.2 cannot be had here")
    code, _, fixes = cause(environment.doctor())
    assert code == "PT311"
    assert "numpy<2" in fixes


CUDA_CODES = {
    3: (("PT513", "PT903"), "sudo rmmod nvidia_uvm && sudo modprobe nvidia_uvm"),
    34: (("PT414",), "export LD_LIBRARY_PATH="),
    35: (("PT502",), "for CUDA 12.6"),
    46: (("PT523",), "sudo nvidia-smi"),
    100: (("PT510", "PT521", "PT650", "PT651", "PT715"), "sudo nvidia-modprobe -c 0 -u"),
    102: (("PT714",), "sudo systemctl restart nvidia-gridd"),
    304: (("PT511", "PT704"), "usermod -aG"),
    802: (("PT519",), "nvidia-fabricmanager"),
    803: (("PT503", "PT415"), "sudo reboot"),
    804: (("PT415",), "export LD_LIBRARY_PATH="),
    805: (("PT534",), "nvidia-cuda-mps-control -d"),
    807: (("PT534",), "nvidia-cuda-mps-control -d"),
    999: (("PT512", "PT513"), "nvidia_uvm"),
}
"""What cuInit returns -> the rules of the catalogue's section 0.1, and what their way out has to name."""


def of_cuda(folder, code, *, is_alone=False):
    """Variables under which cuInit ends with that code: on a driver for CUDA 12.1 where the driver is what is too old."""
    version, driver = (12010, "530.30.02") if code == 35 else (13000, "580.95.05")
    beside = () if is_alone else (standins.nvml(folder, {}, cuda=version, driver=driver),)
    return standins.environment(*beside, standins.cuda(code, version=version, driver=driver))


@pytest.mark.parametrize("code", CUDA_CODES)
def test_every_code_of_cuda_initialisation(harmed, tmp_path, code):
    """NVML is well and cuInit fails, by stand-ins for both libraries."""
    harmed.claim_cuda()
    document = harmed.doctor("--no-import", env=of_cuda(tmp_path / "nvml", code))
    rule, _, fixes = cause(document)
    causes, way = CUDA_CODES[code]
    assert rule in causes
    assert way in fixes
    assert document["outcome"] == "ill"


@pytest.mark.parametrize("code", sorted(set(CUDA_CODES) - {100}))
def test_every_code_with_libcuda_alone(harmed, tmp_path, code):
    """The same without NVML, as in a container that was given CUDA only; 100 then says that there is no GPU, which is no fault."""
    harmed.claim_cuda()
    document = harmed.doctor("--no-import", env=of_cuda(tmp_path / "nvml", code, is_alone=True))
    rule, _, fixes = cause(document)
    causes, way = CUDA_CODES[code]
    assert rule in causes
    assert way in fixes
    assert "for the CPU" not in fixes
    assert document["outcome"] == "ill"


def test_no_gpu_beside_a_working_libcuda_is_no_fault(harmed):
    """Code 100 without NVML and without a GPU on the bus: an image that is built, or a machine that has none."""
    harmed.claim_cuda()
    document = harmed.doctor("--no-import", env=of_cuda(None, 100, is_alone=True))
    assert [f["code"] for f in document["findings"] if f["severity"] == "error"] == []
