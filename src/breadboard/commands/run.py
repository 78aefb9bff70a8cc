"""`breadboard capture` and `breadboard serve`: the processes that `up` starts, for running them alone."""

from pathlib import Path
from typing import Any

import click

from breadboard.commands.options import begun, configured_data_dir_option, json_option
from breadboard.config import Config
from breadboard.config_file import load


@click.command(name="capture")
@configured_data_dir_option
@click.option("--config", "config_path", type=click.Path(path_type=Path, dir_okay=False), help="A TOML file.")
@click.option("--live", multiple=True, metavar="VENUE:SYM,…", help="What to record; may be given several times.")
@click.option("--resolved", type=click.Path(path_type=Path), hidden=True)
@json_option
def capture(
    data_dir: Path | None, config_path: Path | None, live: tuple[str, ...], resolved: Path | None, as_json: bool
) -> int:
    """Record venues into the journal, and nothing else."""
    from breadboard.app import capture as app_capture

    return app_capture.run(_config(data_dir, config_path, live, resolved), begun(as_json))


@click.command(name="serve")
@configured_data_dir_option
@click.option("--config", "config_path", type=click.Path(path_type=Path, dir_okay=False), help="A TOML file.")
@click.option("--resolved", type=click.Path(path_type=Path), hidden=True)
@json_option
def serve(data_dir: Path | None, config_path: Path | None, resolved: Path | None, as_json: bool) -> int:
    """Follow the journal: books and bars, the store, the API."""
    from breadboard.app import serve as app_serve
    from breadboard.app.access import refuse_open
    from breadboard.app.places import Places

    config = _config(data_dir, config_path, (), resolved)
    if resolved is None:  # `up` has looked: should the last key end while it runs, the engine goes on
        refuse_open(config, Places(config.root))
    return app_serve.run(config, begun(as_json))


def _config(data_dir: Path | None, path: Path | None, live: tuple[str, ...], resolved: Path | None) -> Config:
    from breadboard.app.places import read_config
    from breadboard.app.up import with_feeds

    if resolved is not None:
        return read_config(resolved)
    overrides: dict[str, Any] = {} if data_dir is None else {"data_dir": str(data_dir)}
    config = load(path, overrides)
    return with_feeds(config, live) if live else config
