"""Takes a Snapshot: every probe beside the others, each under a deadline, and a Reading of each whatever happens."""

import gc
from collections.abc import Callable
from typing import TYPE_CHECKING

from ptsetup.probes import begin, choose

if TYPE_CHECKING:
    # records and probes are imported while the slow children are already running
    from ptsetup.facts import Snapshot


def take(
    python: str | None = None,
    *,
    deadline_scale: float = 1.0,
    with_torch: bool = True,
    is_deep: bool = False,
    is_online: bool = False,
    progress: Callable[[str], None] | None = None,
    meanwhile: Callable[[], None] | None = None,
) -> "Snapshot":
    """Look at this machine and at one interpreter in it.

    Args:
        python: path or name of the target (``3.12``); None: the active environment, else ./.venv, else our own interpreter.
        deadline_scale: multiplies every deadline (see ``deadlines``).
        with_torch: import torch in the target.
        is_deep: also sample clocks, hash files, test devices and import what is built on torch.
        is_online: the network may be asked.
        progress: told one line per probe that has ended.
        meanwhile: called once while children are waited for: for work that is needed after the look. It must not raise.

    Raises:
        TargetError: the target does not exist or does not answer.
    """
    choice = choose.choose(python)
    # looking for cycles among what is being imported takes 5 to 10 % of the whole
    is_collecting = gc.isenabled()
    gc.disable()
    importing = begin.torch(choice.executable, deadline_scale=deadline_scale, is_deep=is_deep) if with_torch else None
    reading = begin.target(choice.executable, deadline_scale=deadline_scale, is_deep=is_deep)
    try:
        from ptsetup.probes import _taking

        work = _taking.Work(choice, reading, importing, deadline_scale, is_deep=is_deep, is_online=is_online)
        return work.snapshot(progress, meanwhile)
    except BaseException:
        # Ctrl-C, or no target: nothing that we started stays behind
        for question in (importing, reading):
            if question is not None:
                question.stop()
        raise
    finally:
        if is_collecting:
            gc.enable()
