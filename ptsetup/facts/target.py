"""What is true of the target interpreter and what is installed in it, without importing any of it."""

from ptsetup.facts._record import Record
from ptsetup.facts.host import Library


class Distribution(Record, frozen=True, kw_only=True):
    """One installed distribution (``python -m pip show NAME``)."""

    name: str
    """Normalised by PEP 503."""
    version: str | None = None
    """None when METADATA is missing."""
    location: str | None = None
    """The folder that holds its dist-info."""
    installer: str | None = None
    """``pip``, ``uv``, ``conda`` ..."""
    source_url: str | None = None
    """direct_url.json, without credentials."""
    is_editable: bool | None = None
    requires: tuple[str, ...] | None = None
    """Requires-Dist."""
    wheel_tags: tuple[str, ...] | None = None
    """Tag lines of the WHEEL file."""
    has_record: bool | None = None
    has_metadata: bool | None = None
    missing_files: tuple[str, ...] | None = None
    """Files of RECORD that are not on disk (looked at for torch, torchvision, torchaudio, numpy, triton, nvidia-*)."""
    resized_files: tuple[str, ...] | None = None
    """Files whose size differs from RECORD: ``path (recorded, found)``."""
    altered_files: tuple[str, ...] | None = None
    """Files whose sha256 differs from RECORD (``--deep``)."""
    installed_at: float | None = None
    """Modification time of RECORD, seconds since 1970."""
    channel: str | None = None
    """conda: channel of the package."""
    build: str | None = None
    """conda: build string."""


class PathEntry(Record, frozen=True, kw_only=True):
    """One entry of sys.path."""

    path: str
    kind: str
    """``stdlib``, ``site``, ``user``, ``pythonpath``, ``pth``, ``cwd``, ``other``."""
    provides: tuple[str, ...] = ()
    """Of torch, torchvision, torchaudio, numpy, nvidia, triton: those found there."""


class TorchFolder(Record, frozen=True, kw_only=True):
    """A folder or file named torch on the import path."""

    path: str
    has_init: bool | None = None
    has_version: bool | None = None
    is_file: bool = False
    """A module torch.py."""


class Wheel(Record, frozen=True, kw_only=True):
    """The installed torch as its own files describe it."""

    version: str | None = None
    """``2.14.1+cu126`` of torch/version.py (the metadata may lack the local part)."""
    cuda: str | None = None
    """``12.6``; None with ``has_version_file`` True means a build without CUDA."""
    hip: str | None = None
    rocm: str | None = None
    xpu: str | None = None
    git_version: str | None = None
    is_debug: bool | None = None
    has_version_file: bool | None = None
    """torch/version.py was read: then None in cuda, hip, xpu means that the build has none."""
    path: str | None = None
    """Folder of the package."""
    build_kind: str | None = None
    """``pip``, ``conda``, ``source``, ``vendor``."""
    requires: tuple[str, ...] | None = None
    wheel_tags: tuple[str, ...] | None = None
    rpath_kind: str | None = None
    """``RPATH`` or ``RUNPATH`` of libtorch_cuda.so (libtorch_cpu.so otherwise)."""
    has_shm_manager: bool | None = None
    is_shm_manager_executable: bool | None = None
    has_own_openmp: bool | None = None
    arch_list: tuple[str, ...] | None = None
    """Compiled architectures, where a report or a probe told them: ``sm_90``, ``compute_90``, ``gfx1100``."""
    cxx11_abi: bool | None = None


class Companion(Record, frozen=True, kw_only=True):
    """A package that is compiled against torch."""

    name: str
    version: str | None = None
    local: str | None = None
    """What follows ``+`` in its version file: ``cu126``, ``cpu``."""
    cuda: str | None = None
    built_for_torch: str | None = None
    """The torch it says it was built for (xformers' record, flash-attn's file name)."""
    details: dict[str, str] | None = None
    """Build record, file names of bitsandbytes' libraries, cxx11abi tags ..."""


class BrokenExtension(Record, frozen=True, kw_only=True):
    """A compiled module that asks the installed torch libraries for symbols which they lack."""

    path: str
    distribution: str | None = None
    symbols: tuple[str, ...] = ()


class PipConfig(Record, frozen=True, kw_only=True):
    """What pip and uv are configured to do; credentials removed."""

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    """Constraint files, as they are named."""
    constraint_lines: tuple[str, ...] = ()
    """Their lines that speak of the torch family, NumPy or NVIDIA's packages."""
    find_links_wheels: tuple[str, ...] = ()
    """File names of the wheels of torch, its companions and triton in local folders of ``find_links``."""
    no_index: bool = False
    trusted_hosts: tuple[str, ...] = ()
    """Hosts that need no certificate (``trusted-host``)."""
    cert: str | None = None
    proxy: str | None = None
    sources: dict[str, str] = {}
    """Setting -> file or variable that it came from."""
    problems: tuple[str, ...] = ()
    """Configuration files that cannot be read: ``file: why``."""
    pip_version: str | None = None
    cache_dir: str | None = None


class OtherInterpreter(Record, frozen=True, kw_only=True):
    """Another Python within reach that has a torch."""

    executable: str
    torch_version: str | None = None
    site: str | None = None


class Target(Record, frozen=True, kw_only=True):
    """The target interpreter."""

    chosen_by: str | None = None
    """``--python``, ``VIRTUAL_ENV``, ``CONDA_PREFIX``, ``.venv``, ``own``."""
    executable: str | None = None
    version: str | None = None
    """``3.12.3``."""
    implementation: str | None = None
    """``cpython``, ``pypy``."""
    bits: int | None = None
    machine: str | None = None
    """Machine that the interpreter was built for."""
    platform_tag: str | None = None
    """sysconfig.get_platform(): ``linux-x86_64``, ``macosx-11.0-arm64``, ``win-amd64``."""
    macos_deployment_target: str | None = None
    is_gil_disabled: bool | None = None
    python_tag: str | None = None
    """Interpreter and ABI as wheels name them: ``cp312``, ``cp314t``."""
    prefix: str | None = None
    base_prefix: str | None = None
    purelib: str | None = None
    platlib: str | None = None
    user_site: str | None = None
    is_user_site_enabled: bool | None = None
    is_venv: bool | None = None
    is_conda: bool | None = None
    is_externally_managed: bool | None = None
    is_writable: bool | None = None
    """This user may write to purelib."""
    has_pip: bool | None = None
    has_python_h: bool | None = None
    include_dir: str | None = None
    start_method: str | None = None
    """Default of multiprocessing."""
    libc: str | None = None
    """What the interpreter itself is linked to: ``glibc 2.36``, ``musl``."""
    sys_path: tuple[PathEntry, ...] | None = None
    distributions: tuple[Distribution, ...] | None = None
    """Those of the torch family and what they require, several of one name where there are several; () none."""
    package_count: int | None = None
    leftovers: tuple[str, ...] | None = None
    """Entries of site-packages that start with ``~``."""
    torch_folders: tuple[TorchFolder, ...] | None = None
    torch_origin: str | None = None
    """What ``import torch`` would load from the user's folder, by find_spec."""
    torch_is_namespace: bool | None = None
    """find_spec gives a namespace package (folder without __init__)."""
    cwd: str | None = None
    cwd_shadows: tuple[str, ...] | None = None
    """Files and folders in the current folder that hide modules which torch needs."""
    wheel: Wheel | None = None
    companions: tuple[Companion, ...] | None = None
    wheel_libraries: tuple[Library, ...] | None = None
    """Libraries that torch and the nvidia packages bring."""
    shadow_libraries: tuple[Library, ...] | None = None
    """Files elsewhere with the SONAME of one of those."""
    openmp_libraries: tuple[str, ...] | None = None
    """OpenMP runtimes below the prefix (looked for without import)."""
    broken_extensions: tuple[BrokenExtension, ...] | None = None
    backend_entry_points: dict[str, str] | None = None
    """Entry points of group torch.backends: name -> problem, or "" when its module can be found."""
    pip: PipConfig | None = None
    other_interpreters: tuple[OtherInterpreter, ...] | None = None
    running_installs: tuple[int, ...] | None = None
    """Ids of pip or uv processes at work in this environment."""
    cut_off_installs: tuple[str, ...] | None = None
    """Folders of packages with the journal of a ``ptsetup install`` that was cut off (``.ptsetup-backup/journal.json``); () none."""
    numpy_core_ok: bool | None = None
    """numpy's compiled core is there."""
    hf_cache_problem: str | None = None
    """Why the model caches (TORCH_HOME, HF_HOME) cannot be used."""
    longest_site_path: int | None = None
    """Length of purelib."""
