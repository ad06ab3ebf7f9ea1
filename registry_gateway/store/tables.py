"""The tables. The table that heartbeats update (`registrations`) is narrow and separate from the documents.

Times are epoch seconds in double precision. Names and documents are stored as the dialect provides them; no column is
specific to a dialect.
"""

from sqlalchemy import (
    BigInteger,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

BigId = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows only in a column typed INTEGER


class Table(DeclarativeBase):
    """Base of the tables; constraint names are fixed so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {str: Text, float: Double, bytes: LargeBinary}  # noqa: RUF012 - SQLAlchemy asks for it like this


class RegistrationRow(Table):
    """A registration with its lease: the narrow row that each heartbeat updates.

    `sweep_at` is when a sweep must check the row: the deadline at the last sweep, never later than `expires_at`. It is
    indexed and heartbeats do not change it, so that renewing a lease changes no index.
    """

    __tablename__ = "registrations"
    __table_args__ = (
        Index(None, "stage", "sweep_at", "dialect"),  # the dialect last: no look-up starts with it
        {"sqlite_with_rowid": False},  # one B-tree instead of two on the way to a lease
    )

    dialect: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    version: Mapped[str]
    address: Mapped[str | None]
    owner: Mapped[str | None]
    approved_at: Mapped[float | None]
    reported: Mapped[str | None]
    advertised: Mapped[bool]
    registered_at: Mapped[float]
    updated_at: Mapped[float]
    version_due: Mapped[float | None]
    logged_health: Mapped[str | None]
    health_logged_at: Mapped[float | None]
    client_address: Mapped[str | None]
    replaced_client_address: Mapped[str | None]
    replaced_at: Mapped[float | None]
    ttl: Mapped[float]
    granted_at: Mapped[float]
    heartbeat_at: Mapped[float | None]
    expires_at: Mapped[float]
    stage: Mapped[int] = mapped_column(SmallInteger)
    sweep_at: Mapped[float]


def _belongs_to_registration() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["dialect", "key"], ["registrations.dialect", "registrations.key"], ondelete="CASCADE")


class DocumentRow(Table):
    """The documents of a registration: bytes as the adapter provided them, read whole and never searched.

    `tools_document` has tools that were posted separately, `tools` all tool names for searches, one per line.
    `versions` has the last versions, one per line. These are columns rather than tables because each further table or
    index slows down registrations.
    """

    __tablename__ = "documents"
    __table_args__ = (_belongs_to_registration(),)

    dialect: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    document: Mapped[bytes]
    tools_document: Mapped[bytes | None]
    tools: Mapped[str | None]
    versions: Mapped[str] = mapped_column(server_default="")


class SubscriptionRow(Table):
    """A declared dependence of a subscriber on a registration."""

    __tablename__ = "subscriptions"
    __table_args__ = (_belongs_to_registration(), Index(None, "dialect", "key"))

    id: Mapped[int] = mapped_column(BigId, Identity(), primary_key=True)
    dialect: Mapped[str]
    key: Mapped[str]
    subscriber: Mapped[str]
    state: Mapped[str]
    created_at: Mapped[float]
    updated_at: Mapped[float]


class GoneRow(Table):
    """The last state of a registration that was removed, for reading. `ended_at` is the time of its end.

    It has no owner and no approval: a service that registers again begins anew. The documents come last, so that a list
    on SQLite does not read them.
    """

    __tablename__ = "gone"
    __table_args__ = (Index(None, "dialect", "ended_at"),)

    dialect: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    version: Mapped[str]
    address: Mapped[str | None]
    reported: Mapped[str | None]
    registered_at: Mapped[float]
    updated_at: Mapped[float]
    ttl: Mapped[float]
    granted_at: Mapped[float]
    heartbeat_at: Mapped[float | None]
    expires_at: Mapped[float]
    ended_at: Mapped[float]
    tools: Mapped[str | None]
    versions: Mapped[str]
    document: Mapped[bytes]
    tools_document: Mapped[bytes | None]


class EventRow(Table):
    """The append-only event log. Events outlive their registrations."""

    __tablename__ = "events"
    __table_args__ = (
        Index(None, "dialect", "key", "id"),
        Index(None, "at"),
        {"sqlite_autoincrement": True},  # ids are never reused, even after the newest rows were pruned
    )

    id: Mapped[int] = mapped_column(BigId, Identity(), primary_key=True)
    at: Mapped[float]
    kind: Mapped[str]
    dialect: Mapped[str]
    key: Mapped[str]
    actor: Mapped[str]
    client_address: Mapped[str | None]
    request_id: Mapped[str | None]
    reason: Mapped[str | None]
    detail: Mapped[str]
    name: Mapped[str | None]
    version: Mapped[str | None]
    service_address: Mapped[str | None]


class AccountRow(Table):
    """A service account. `scopes` and `slugs` are JSON lists."""

    __tablename__ = "accounts"

    name: Mapped[str] = mapped_column(primary_key=True)
    scopes: Mapped[str]
    slugs: Mapped[str]
    created_at: Mapped[float]
    revoked_at: Mapped[float | None]


class TokenRow(Table):
    """A credential of an account: a salted hash of the token, never the token."""

    __tablename__ = "tokens"

    id: Mapped[str] = mapped_column(primary_key=True)
    account: Mapped[str] = mapped_column(ForeignKey("accounts.name", ondelete="CASCADE"), index=True)
    salt: Mapped[bytes]
    hash: Mapped[bytes]
    created_at: Mapped[float]
    expires_at: Mapped[float | None]
    last_used_at: Mapped[float | None]


class WebhookRow(Table):
    """A webhook, and the position of its deliveries; see `core.webhook.Webhook`. Its secret is readable.

    `kinds` is a JSON list. `attempts` has the last attempts to deliver as a JSON list: a table of their own would cost
    an insertion and a removal for each. `holder` is the gateway process that delivers, until `held_until`; then any
    other may take it.
    """

    __tablename__ = "webhooks"
    __table_args__ = ({"sqlite_autoincrement": True},)  # a number is never given to another webhook

    id: Mapped[int] = mapped_column(BigId, Identity(), primary_key=True)
    url: Mapped[str]
    format: Mapped[str]
    kinds: Mapped[str]
    dialect: Mapped[str | None]
    secret: Mapped[str]
    created_at: Mapped[float]
    position: Mapped[int] = mapped_column(BigInteger)
    old_secret: Mapped[str | None]
    old_secret_ends_at: Mapped[float | None]
    skip_to: Mapped[int | None] = mapped_column(BigInteger)
    pending_to: Mapped[int | None] = mapped_column(BigInteger)
    failures: Mapped[int]
    failing_since: Mapped[float | None]
    waiting_since: Mapped[float | None]
    next_at: Mapped[float]
    delivered_at: Mapped[float | None]
    disabled_at: Mapped[float | None]
    disabled_reason: Mapped[str | None]
    attempts: Mapped[str]
    holder: Mapped[str | None]
    held_until: Mapped[float | None]


class PresenceRow(Table):
    """A single row: the last sign of presence of a gateway on this database."""

    __tablename__ = "presence"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    present_at: Mapped[float]
