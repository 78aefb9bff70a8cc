"""What an engine would refuse of its configuration, told before anything of it runs or is made."""

from breadboard.config import EngineConfig


def verify(config: EngineConfig) -> None:
    """Raise UsageError for bars, groups and terms of arbitrage that there are not, in the engine's own words."""
    if config.bars:  # each loads what takes time, which a start without it does not have to spare
        from breadboard.engine.activity import ActivityBars, Spec

        ActivityBars([Spec.of(word) for word in config.bars])
    if not config.groups and config.arbitrage is None:
        return
    from breadboard.engine.groups import groups_of

    groups = groups_of(config.groups)
    if config.arbitrage is not None:
        from breadboard.engine.arbitrage_terms import terms_of

        terms_of(config.arbitrage, groups)
