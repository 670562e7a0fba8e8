"""The front door: finds the subcommand, and turns every error into one sentence and an exit code."""

import atexit
import contextlib
import errno
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from ptsetup import __version__
from ptsetup.errors import PtsetupError, Stopped
from ptsetup.terminal import Terminal

COMMANDS = {
    "doctor": "Say what is wrong with a PyTorch set-up, and the exact fix.",
    "install": "Install the PyTorch build that works here, and prove it.",
    "plan": "Choose the build for this or a described machine, with reasons.",
    "bench": "Prove that the installed torch computes right, and how fast.",
    "check": "CI pre-flight: doctor's rules with annotations and exit codes.",
    "explain": "The page of a rule, or what an error text means.",
    "snapshot": "Print what is true of this machine as JSON.",
    "index": "Show, verify or update the index of wheels.",
}
"""Name -> one line of help: shown without importing the command, so that ``--help`` and ``--version`` stay fast."""


class Commands(click.Group):
    """A group that imports a subcommand only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All names, in the order of ``COMMANDS``."""
        return [name for name in COMMANDS if _has_module(name)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; None when there is none."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"ptsetup.commands.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click has it; where there is no such command, the one that was probably meant is named."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as problem:
            import difflib

            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            if not near or not args[0].isalpha():
                raise
            raise click.UsageError(f"{problem.message} Did you mean {near[0]!r}?", ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with their help, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])


def _has_module(name: str) -> bool:
    # texts: pathlib takes 4 ms to import, which a verdict in a blink does not have
    return os.path.isfile(f"{os.path.dirname(__file__)}/commands/{name}.py")  # noqa: PTH113, PTH120


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100, "show_default": True},
)
@click.version_option(__version__, prog_name="ptsetup", message="%(prog)s %(version)s")
@click.pass_context
def root(ctx: click.Context) -> None:
    """Find the PyTorch build that works on this machine, install it, prove it, and say what is wrong when it does not."""
    if ctx.invoked_subcommand is None:
        from ptsetup.commands import overview

        overview.show(ctx)


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run ptsetup and end the process with an exit code of STYLE.md: 0, 1, 2, 3, 4 (a bug) or 130."""
    if argv is None:
        _in_utf8_mode()
        _end_as_after_ctrl_c()
    _leave(run(argv))


def _leave(exit_code: int) -> NoReturn:
    """End the process without taking its modules apart one by one: that costs 10 ms of a verdict's 100, and nobody waits for it."""
    starter = sys.modules.get("ptsetup.run")
    if starter is not None:
        # a probe that was left behind, or that Ctrl-C cut off, may have a child at work
        starter.end_all()
    atexit._run_exitfuncs()  # noqa: SLF001 - what others want done at the end is done
    for stream in (sys.stdout, sys.stderr):
        # a reader that has gone, or a stream that was closed
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(exit_code)


def _end_as_after_ctrl_c() -> None:
    """SIGTERM and SIGHUP end us in order: our children do not live on, and what was half installed is taken back."""
    import signal

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # nohup has it ignored
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _stop)


def _stop(number: int, frame: object) -> None:  # noqa: ARG001 - the signature of handlers
    raise Stopped


def _in_utf8_mode() -> None:
    """In a locale that is not UTF-8, start again so that file names are: the interpreters that we ask speak UTF-8 about them.

    What is printed keeps the encoding of the terminal.
    """
    if (
        os.name != "posix"
        or sys.flags.utf8_mode
        or sys.getfilesystemencoding().lower().startswith("utf")
        or not sys.executable
    ):
        return
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    env = {
        **os.environ,
        "PYTHONUTF8": "1",
        "PYTHONIOENCODING": os.environ.get("PYTHONIOENCODING") or f"{encoding}:backslashreplace",
    }
    # names of files on the command line are bytes; they pass through unchanged
    argv: list[str | bytes] = [sys.executable, "-m", "ptsetup", *map(os.fsencode, sys.argv[1:])]
    os.execve(sys.executable, argv, env)  # noqa: S606 - our own interpreter


def run(argv: Sequence[str] | None = None) -> int:
    """Run ptsetup and return its exit code; nothing is ever raised."""
    _open_standard_streams()
    terminal = Terminal()
    try:
        return _invoke(list(sys.argv[1:] if argv is None else argv), terminal)
    except (KeyboardInterrupt, click.Abort):
        terminal.log("Interrupted.")
        return 130
    except BrokenPipeError:
        # the reader has gone (| head): end quietly, and keep the interpreter from flushing into the closed pipe
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except PtsetupError as error:
        terminal.log(f"ptsetup: {error.message}")
        if error.hint:
            terminal.log(error.hint)
        return error.exit_code
    except Exception as bug:  # noqa: BLE001 - the one place that turns a bug into a message
        return _unwritten(bug, terminal) or _report_bug(bug, terminal)


def _unwritten(problem: Exception, terminal: Terminal) -> int:
    """3 when the result could not be written (a full disk), which is no bug; else 0."""
    if not isinstance(problem, OSError) or problem.errno not in (errno.ENOSPC, errno.EIO, errno.EFBIG):
        return 0
    terminal.log(
        f"ptsetup: the result could not be written: {problem.strerror}.\nFree some room, or write it elsewhere."
    )
    return 3


def _open_standard_streams() -> None:
    """A stream that was closed (``>&-``) is opened on nothing: else the next file that we open gets its number and our output."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:  # noqa: PERF203 - three rounds
            os.open(os.devnull, os.O_RDWR)
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115 - stays open like the one it stands for


def _invoke(argv: list[str], terminal: Terminal) -> int:
    try:
        result = root.main(argv, prog_name="ptsetup", standalone_mode=False, obj=terminal)
    except click.ClickException as error:
        error.show(file=sys.stderr)
        return error.exit_code
    except click.exceptions.Exit as ending:
        return int(ending.exit_code)
    return result if isinstance(result, int) else 0


def _report_bug(bug: Exception, terminal: Terminal) -> int:
    import tempfile
    import time
    import traceback

    text = "".join(traceback.format_exception(bug))
    head = f"ptsetup {__version__} hit a bug of its own: {type(bug).__name__}: {bug}"
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="ptsetup-bug-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}\n{text}")
        terminal.log(f"{head}\nPlease report it with this file: {file.name}")
    except OSError:
        terminal.log(f"{head}\n{text}")
    return 4
