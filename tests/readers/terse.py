"""Reports of few words, by what they have in common: facts that people drop in passing; written for these tests.

Each with the codes that are right for it; none means that nothing of severity error or warning may be said, and a code after a
minus sign that it must not be the first.
"""

# ruff: noqa: E501, RUF001 - what people write stays as they write it

TERSE: dict[str, tuple[tuple[tuple[str, ...], str], ...]] = {
    "here and there, then and now": (
        (("PT701", "PT702", "PT703"), "docker compose, the app says: No CUDA GPUs are available\nit works when I start it outside of docker, RTX 3080"),
        (("PT701", "PT702", "PT703"), "RuntimeError: Found no NVIDIA driver on your system.\ninside the container; nvidia-smi on the host is fine"),
        (("PT701", "PT702", "PT703"), "In Docker torch.cuda.is_available() ist False, auf dem Host True\nRTX 4070"),
        (("PT701", "PT702", "PT703"), "容器里 torch.cuda.is_available() 返回 False，宿主机上是 True"),
        (("PT701", "PT702", "PT703"), "Dockerコンテナ内では torch.cuda.is_available() が False、ホストでは True です。"),
        (("PT701", "PT702", "PT703"), "singularity exec image.sif python -c \"import torch; print(torch.cuda.is_available())\"\nFalse\nOn the node itself it prints True."),
        (("PT701", "PT702", "PT703"), "Kubernetes pod without GPU limits: RuntimeError: No CUDA GPUs are available. nvidia-smi on the node lists the A10."),
        (("PT701", "PT702", "PT703"), "podman run -it pytorch/pytorch python -c \"import torch; torch.zeros(1).cuda()\"\nRuntimeError: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU"),
        (("PT701", "PT702", "PT703"), "docker: Error response from daemon: unknown or invalid runtime name: nvidia."),
        (("PT701", "PT702", "PT703"), "could not select device driver \"nvidia\" with capabilities: [[gpu]]"),
        (("PT701", "PT702", "PT703"), "En el contenedor no se detecta la GPU (torch.cuda.is_available() False); fuera de docker funciona."),
        (("PT704",), "The pod loses its GPU after some hours: Failed to initialize NVML: Unknown Error, restart helps"),
        (("PT704",), "docker container works at first; after a few days nvidia-smi inside no longer sees the GPU, restarting the container fixes it"),
        (("PT704",), "容器运行一段时间后GPU丢失，nvidia-smi 报 Failed to initialize NVML: Unknown Error"),
        (("PT704",), "After systemctl daemon-reload the running container has no GPUs any more"),
        (("PT704",), "k8s上のPodで、しばらくするとGPUが見えなくなる。Podを再起動すると直る"),
        (("PT701",), "On the host:\n>>> torch.cuda.is_available()\nTrue\nIn the container:\n>>> torch.cuda.is_available()\nFalse\nRTX 3090"),
        (("PT701",), "$ python -c \"import torch; print(torch.cuda.is_available())\"\nTrue\n$ docker run --rm -it myimage python -c \"import torch; print(torch.cuda.is_available())\"\nFalse"),
        ((), "$ docker run --rm -it --gpus all myimage python -c \"import torch; print(torch.cuda.is_available())\"\nTrue\nOn the host:\n>>> torch.cuda.is_available()\nFalse"),
        ((), "the tests run fine without docker, in docker they need more memory"),
        ((), "our pod restarts after a few hours, memory goes up"),
        ((), "After a few days the training in the container gets slower, the GPU is used at 40 %"),
        ((), "It works on the host and in the container, RTX 3090"),
        ((), "does it run natively on Windows, without docker? I do not want to use a container"),
        (("-PT704",), "Xid 79, GPU has fallen off the bus after a few hours in the docker container"),
        (("-PT701",), "No CUDA GPUs are available, neither in docker nor on the host"),
        (("PT704",), "nvidia-smi in the container: after a couple of days it says Failed to initialize NVML: Unknown Error"),
        (("PT704",), "Nach ein paar Stunden ist die GPU im Container verschwunden, ein Neustart des Containers hilft"),
        (("PT704",), "через несколько часов контейнер теряет GPU, помогает перезапуск"),
        (("PT704",), "al cabo de unas horas el contenedor pierde la GPU; docker restart lo arregla"),
        ((), "docker compose, the app needs 30 GB of memory, is that normal?\nit works outside of docker as well"),
    ),
}  # fmt: skip
