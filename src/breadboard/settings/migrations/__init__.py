"""How the tables became what they are: one file a step, run once each by ``migrating``."""
