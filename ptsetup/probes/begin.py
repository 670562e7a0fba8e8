"""Starts children with the scripts of ``inside``. What is slow to import is left out, so that the slow children begin at once."""

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from ptsetup import run
from ptsetup.probes import choose, deadlines

TARGET_SCRIPT, TORCH_SCRIPT = "target_facts.py", "torch_facts.py"


class Question:
    """A child that is running a script of ``inside``; ``_ask.finish`` reads its answer."""

    def __init__(
        self,
        python: str,
        script: str,
        options: Mapping[str, Any],
        *,
        deadline_s: float,
        flags: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
    ) -> None:
        """Start it; its answers stand between two random marks."""
        self.begin, self.end = os.urandom(16).hex(), os.urandom(16).hex()
        self._child = run.Child(
            [python, *flags, run.script(script), self.begin, self.end, json.dumps(options)],
            deadline_s=deadline_s,
            env=env,
            cwd=cwd,
        )

    def wait(self) -> run.Completed:
        """Wait for its end or its deadline."""
        return self._child.finish()

    def hurry(self, stage: str, seconds: float) -> None:
        """Give it only so much more time if it has reached a stage (another thread may be waiting for it)."""
        # it may end while we look
        with contextlib.suppress(OSError, ValueError):
            told = self._child.partial()
            if f'{self.begin}{{"stage": {json.dumps(stage)},' in told.stdout:
                self._child.deadline_s = min(self._child.deadline_s, told.seconds + seconds)

    def stop(self) -> None:
        """End it; its answer is not wanted any more."""
        self._child.stop()


def target(
    python: str,
    *,
    deadline_scale: float = 1.0,
    is_deep: bool = False,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
) -> Question:
    """Start the child that reads the target, with the user's own variables (``env``) and folder (``cwd``)."""
    deadline_s = (deadlines.TARGET_DEEP_S if is_deep else deadlines.TARGET_S) * deadline_scale
    options = {"cwd": choose.here() if cwd is None else cwd, "is_deep": is_deep}
    return Question(python, TARGET_SCRIPT, options, deadline_s=deadline_s, env=env, cwd=cwd)


def torch(
    python: str,
    *,
    deadline_scale: float = 1.0,
    is_deep: bool = False,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
) -> Question:
    """Start the import of torch; it is the slowest of all children."""
    deadline_s = (deadlines.TORCH_DEEP_S if is_deep else deadlines.TORCH_S) * deadline_scale
    options = {"module": "torch", "is_deep": is_deep}
    return Question(python, TORCH_SCRIPT, options, deadline_s=deadline_s, env=env, cwd=cwd)
