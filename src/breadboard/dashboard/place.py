"""Where the server is that carries these pages: itself."""


class Place:
    """The address of our own server, known once somebody has come to it. None: what a client takes by itself."""

    address: str | None = None
    certificate: str = ""
    """Its own, PEM; empty: it speaks plain HTTP."""


PLACE = Place()
