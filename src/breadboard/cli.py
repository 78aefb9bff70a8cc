"""The command line: stdout is data, stderr is progress, and errors are one sentence and a hint."""

import errno
import os
import shlex
import sys
import traceback
from pathlib import Path

import click

from breadboard import __version__
from breadboard.commands import COMMANDS
from breadboard.errors import INTERRUPTED, BreadboardError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="breadboard")
@click.option("--debug", is_flag=True, help="Show tracebacks; may stand anywhere on the line.")
def group(debug: bool) -> None:
    """Record, watch, question and replay real-time markets.

    Start with `breadboard up`: it needs no configuration and opens a simulated market.
    """
    del debug  # ``run`` takes it from the line


for command in COMMANDS:
    group.add_command(command)


def main() -> None:
    """Run the command line and exit: 0 ok, 1 failed, 2 usage, 3 degraded, 130 interrupted."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        result = group.main([word for word in arguments if word != "--debug"], "breadboard", standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our stdout went away; there is nobody to tell
        return 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)  # a group without a command: what there is to choose from
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the last wall: a person sees a sentence, not a traceback
        if "--debug" in arguments:
            traceback.print_exception(error)
        sentence, hint, code = _told(error)
        sys.stderr.write(f"error: {sentence.rstrip('.')}\n")
        if hint:
            sys.stderr.write(f"hint: {hint}\n")
        return code
    return result if isinstance(result, int) else 0


def _told(error: Exception) -> tuple[str, str, int]:
    """Return an error as one sentence, a hint and an exit code."""
    match error:
        case BreadboardError():
            return error.sentence, error.hint, error.exit_code
        case click.ClickException():
            context = error.ctx if isinstance(error, click.UsageError) else None
            hint = f"{context.command_path if context else 'breadboard'} --help"
            return " ".join(error.format_message().split()), hint, 2
        case OSError():
            return *_refusal(error), 1
        case _:
            hint = "run it again as `breadboard --debug …` and send us the traceback"
            return f"this is a bug in breadboard: {type(error).__name__}: {error}", hint, 1


def _refusal(error: OSError) -> tuple[str, str]:
    """Return in words, and with a hint, what the system refused: a full disk, a directory that may not be written."""
    what = error.strerror or str(error)
    if error.filename is None:
        return f"the system refused: {what}", "run it again as `breadboard --debug …` to see what was asked of it"
    look = "df -h" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "ls -ld"
    name = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else str(error.filename)
    near = next(path for path in Path(name).absolute().parents if path.exists())
    return f"{name} cannot be used: {what}", f"{look} {shlex.quote(str(near))}"
