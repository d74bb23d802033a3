"""The command line: one file per verb, loaded only when it is called.

A module of this package whose name has no leading underscore is a verb and holds a click command
named ``command``. Other distributions add verbs by entry points (``mespot.verbs``). Results go to
standard output, everything else to standard error.
"""

from __future__ import annotations

import os
import pkgutil
import sys
from importlib import import_module, metadata

import click

from mespot.errors import EXIT_INTERRUPTED, EXIT_USAGE, MespotError, nearest

NOT_FOR = (
    "A spot is a candidate movement for a person to review: it says nothing about emotion, "
    "truthfulness, identity or health. Not for hiring, grading, proctoring, policing or lie "
    "detection."
)


class _Verbs(click.Group):
    """Finds the verbs in this package and imports only the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*_own_verbs(), *_verbs_of_others()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _own_verbs():
            command: click.Command = import_module(f"mespot.cli.{cmd_name}").command
            return command
        point = _verbs_of_others().get(cmd_name)
        return None if point is None else _loaded(point)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            ctx.fail(f"there is no verb {args[0]!r}{nearest(args[0], self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)


def _own_verbs() -> list[str]:
    return [m.name for m in pkgutil.iter_modules(__path__) if m.name[0] != "_"]


def _verbs_of_others() -> dict[str, metadata.EntryPoint]:
    """Verbs of other installed distributions: entry points of the group ``mespot.verbs``."""
    return {point.name: point for point in metadata.entry_points(group="mespot.verbs")}


def _loaded(point: metadata.EntryPoint) -> click.Command:
    """The verb; for one that cannot be loaded, a verb that says why."""
    try:
        verb = point.load()
    except Exception as error:  # Whatever a stranger's module raises when it is imported.
        why = f"{type(error).__name__}: {error}".splitlines()[0]
    else:
        if isinstance(verb, click.Command):
            return verb
        why = f"{point.value} is no click command"
    text = f"verb {point.name!r} cannot be loaded ({why})"

    def refuse() -> None:
        raise MespotError(text)

    settings = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(
        point.name, settings, callback=refuse, help=text, short_help=f"Cannot be loaded ({why})."
    )


def _show_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from mespot.versions import versions

        click.echo("\n".join(f"{name} {number}" for name, number in versions().items()))
        ctx.exit()


@click.group(
    cls=_Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=NOT_FOR,
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="The versions of everything that decides a result.",
)
def app() -> None:
    """Find candidate micro-expressions in face videos. Everything runs on this machine."""


def main() -> None:
    """Run the command line and leave with the documented exit code."""
    sys.exit(run(sys.argv[1:]))


def run(args: list[str]) -> int:
    """Run one command line; return its exit code. Never a traceback unless MESPOT_DEBUG=1."""
    try:
        result = app.main(args=args, prog_name="mespot", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return EXIT_USAGE
    except (KeyboardInterrupt, click.exceptions.Abort):
        click.echo("mespot: interrupted; finished items are kept, run again to resume", err=True)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away (`| head`): it can get no message.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if os.environ.get("MESPOT_DEBUG") == "1":
            raise
        if isinstance(error, MespotError):
            click.echo(f"mespot: {error}", err=True)
            return error.exit_code
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        click.echo(f"mespot: failed ({what}); MESPOT_DEBUG=1 shows where", err=True)
        return 1
