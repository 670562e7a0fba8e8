"""Reports of machines that speak other languages than English; written for these tests, as those in ``reports``."""

# ruff: noqa: E501, RUF001 - what programs print stays as they print it

from tests.readers.reports import NOT_LOADED, VC_REDIST

NO_AVX = ("PT860",)
LOADING = 'Error loading "C:\\py\\Lib\\site-packages\\torch\\lib\\{}" or one of its dependencies.'

TONGUES = (
    # --- Windows: the number says it
    ("126 in German", VC_REDIST, "OSError: [WinError 126] Das angegebene Modul wurde nicht gefunden. " + LOADING.format("fbgemm.dll")),
    ("126 in Russian", VC_REDIST, "OSError: [WinError 126] Не найден указанный модуль. " + LOADING.format("fbgemm.dll")),
    ("1114 in French", VC_REDIST, "OSError: [WinError 1114] Une routine d’initialisation d’une bibliothèque de liens dynamiques (DLL) a échoué. " + LOADING.format("c10.dll")),
    ("1114 in Chinese", VC_REDIST, "OSError: [WinError 1114] 动态链接库(DLL)初始化例程失败。 " + LOADING.format("c10.dll")),
    ("no number, in Chinese", VC_REDIST, "    from torch._C import *\nImportError: DLL load failed while importing _C: 找不到指定的模块。"),
    ("193 in Chinese", ("PT212",), "OSError: [WinError 193] %1 不是有效的 Win32 应用程序。 " + LOADING.format("cublas64_12.dll")),
    ("193", ("PT212",), "OSError: [WinError 193] %1 is not a valid Win32 application. " + LOADING.format("asmjit.dll")),
    ("193 of another file", (), "OSError: [WinError 193] %1 is not a valid Win32 application: octree_lib.so\nmy own program, torch works"),
    ("1455 in German", ("PT114",), "OSError: [WinError 1455] Die Auslagerungsdatei ist zu klein, um diesen Vorgang durchzuführen. " + LOADING.format("cufft64_10.dll")),
    # --- shells
    ("no such command in German", NOT_LOADED, "bash: nvidia-smi: Kommando nicht gefunden.\nGPU: RTX 3060"),
    ("no such command in French", NOT_LOADED, "nvidia-smi : commande introuvable\nGPU: RTX 3060"),
    ("no such command in Chinese", NOT_LOADED, "'nvidia-smi' 不是内部或外部命令，也不是可运行的程序\n或批处理文件。\n显卡: RTX 3060"),
    ("no such command in Spanish", NOT_LOADED, "'nvidia-smi' no se reconoce como un comando interno o externo\nGPU: RTX 3060"),
    ("another command that is not there", (), "bash: nvcc: Kommando nicht gefunden.\nGPU: RTX 3060"),
    # --- Linux
    ("no such instruction in German", NO_AVX, '$ python -c "import torch"\nUngültiger Maschinenbefehl (Speicherabzug geschrieben)\nModel name: Intel(R) Celeron(R) CPU J1900'),
    ("no such instruction in Chinese", NO_AVX, '$ python -c "import torch"\n非法指令 (核心已转储)\nCPU: Intel Pentium G4560'),
    ("a crash of another kind in German", (), '$ python -c "import torch"\nSpeicherzugriffsfehler (Speicherabzug geschrieben)'),
    # --- keyboards with wide marks
    ("wide colons", ("PT602",), "显卡：NVIDIA GeForce RTX 5070 Ti\ntorch：2.6.0+cu124\n系统：Windows 11\nRuntimeError: CUDA error: no kernel image is available for execution on the device"),
)  # fmt: skip
