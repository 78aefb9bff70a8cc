"""The command line: stdout is data, stderr is progress, and errors are one sentence and a hint."""

import sys
import traceback

import click

from breadboard import __version__
from breadboard.commands import COMMANDS
from breadboard.errors import BreadboardError

INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="breadboard")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def group(debug: bool) -> None:
    """Record, watch, question and replay real-time markets.

    Start with `breadboard up`: it needs no configuration and opens a simulated market.
    """
    click.get_current_context().obj = {"debug": debug}


for command in COMMANDS:
    group.add_command(command)


def main() -> None:
    """Run the command line and exit: 0 ok, 1 failed, 2 usage, 3 degraded, 130 interrupted."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        result = group.main(arguments, prog_name="breadboard", standalone_mode=False)
    except BreadboardError as error:
        return _report(arguments, error, error.sentence, error.hint, error.exit_code)
    except click.ClickException as error:
        hint = "breadboard --help"
        if isinstance(error, click.UsageError) and error.ctx is not None:
            hint = f"{error.ctx.command_path} --help"
        return _report(arguments, error, error.format_message(), hint, 2)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our stdout went away; there is nobody to tell
        return 0
    except Exception as error:  # noqa: BLE001 - the last wall: a person sees a sentence, not a traceback
        sentence = f"this is a bug in breadboard: {type(error).__name__}: {error}"
        return _report(
            arguments, error, sentence, "run it again as `breadboard --debug …` and send us the traceback", 1
        )
    return result if isinstance(result, int) else 0


def _report(arguments: list[str], error: Exception, sentence: str, hint: str, code: int) -> int:
    if "--debug" in arguments:
        traceback.print_exception(error)
    sys.stderr.write(f"error: {sentence.rstrip('.')}\n")
    if hint:
        sys.stderr.write(f"hint: {hint}\n")
    return code
