"""Who asks, and what of what people have set is theirs to see and to change."""

from dataclasses import dataclass
from typing import Final

from breadboard.settings.credentials import Scope


@dataclass(frozen=True, slots=True)
class Person:
    """Whoever is behind a key, or, where none is needed, whoever sits at this machine."""

    user: int | None
    name: str
    scope: Scope
    key: str = ""
    """The id of the key; empty: none was needed."""
    session: str = ""
    """The hash of the session of a browser; empty: the key itself was shown."""

    def sees(self, owner: int | None) -> bool:
        """Tell whether a thing of this owner is there for this person: the house's is there for everybody."""
        return owner is None or owner == self.user or self.scope is Scope.ADMIN

    def changes(self, owner: int | None) -> bool:
        """Tell whether a thing of this owner is this person's to change."""
        return self.scope is Scope.ADMIN or (owner is not None and owner == self.user and self.scope is Scope.WRITE)


OPERATOR: Final = Person(None, "operator", Scope.ADMIN)
"""Whoever sits at this machine."""
