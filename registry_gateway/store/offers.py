"""The statements on what registrations offer: the names of their tools and capabilities."""

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, and_, bindparam, delete, insert

from registry_gateway.store.tables import OfferRow

LENGTH = 200
"""Characters a name may have to be found by: what an index of PostgreSQL takes has an end."""

Key = tuple[str, str]

_OF_KEY = and_(OfferRow.dialect == bindparam("_dialect"), OfferRow.key == bindparam("_key"))


def save(connection: Connection, offers: Mapping[Key, Collection[str]], known: Collection[Key]) -> None:
    """Replace what registrations offer. `known` are those that were there before and may have offers.

    A name that is too long, or that PostgreSQL's text can't hold, is left out: the document has it all the same.
    """
    replaced = [{"_dialect": dialect, "_key": key} for dialect, key in offers if (dialect, key) in known]
    if replaced:
        connection.execute(delete(OfferRow).where(_OF_KEY), replaced)
    rows = [
        {"dialect": dialect, "key": key, "name": name}
        for (dialect, key), names in offers.items()
        for name in dict.fromkeys(names)
        if len(name) <= LENGTH and "\x00" not in name
    ]
    if rows:
        connection.execute(insert(OfferRow), rows)
