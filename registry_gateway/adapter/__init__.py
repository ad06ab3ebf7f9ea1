"""The public interface for adapters; see docs/adding-an-adapter.md.

An adapter is an instance of `Adapter`, found through an entry point of the group `registry_gateway.adapters`.
"""

from registry_gateway.adapter.adapter import Adapter, Core
from registry_gateway.adapter.installation import (
    AnyAdapter,
    account_scopes,
    chosen,
    inspected,
    installed,
    open_to_writes,
    own_findings,
    own_notes,
    own_tool_commands,
    welcomes,
)
from registry_gateway.auth import bearer, service_keys
from registry_gateway.auth.accounts import SUPER_ADMIN, Accounts
from registry_gateway.auth.key_check import KeyCheck, MissingKey, WrongKey
from registry_gateway.bulk import importing
from registry_gateway.bulk.importing import Importer, StoreImporter
from registry_gateway.client.server import check_proxies
from registry_gateway.client.tls import client_tls
from registry_gateway.core import web_url
from registry_gateway.core.address import SplitAddress, split_address
from registry_gateway.core.clock import Clock
from registry_gateway.core.commands import (
    Advertise,
    Deregister,
    Done,
    Lapsed,
    Register,
    Registered,
    Renew,
    Renewed,
    Unknown,
)
from registry_gateway.core.destinations import Destinations
from registry_gateway.core.errors import (
    REFUSES,
    AlreadyRegistered,
    Forbidden,
    NotInLog,
    NotOwner,
    NotRegistered,
    OutcomeUnknown,
    Overloaded,
    RateLimited,
    RegistryError,
    StillSubscribed,
    StoreRefuses,
    StoreUnavailable,
    TooMany,
    Unauthorized,
)
from registry_gateway.core.lease import EXPIRED, Health, LeasePolicy, Stage
from registry_gateway.core.model import ANONYMOUS, Actor, Entry, Event, EventKind, Registration
from registry_gateway.core.status import Status
from registry_gateway.doctor.rules import finding
from registry_gateway.doctor.rules.finding import Finding
from registry_gateway.http import decode_errors, fastapi_errors
from registry_gateway.http.answer import NOSNIFF, Answer, body_answer, json_answer
from registry_gateway.http.body import BodyTooLarge, EmptyBody, decode, parse
from registry_gateway.http.call import Call, request_id
from registry_gateway.http.checked_transport import CheckedTransport, ForbiddenAddress
from registry_gateway.http.decode_errors import NO_NUL, SLUG, Invalid, LongText, Text, unprocessable
from registry_gateway.http.lifespans import Lifespan
from registry_gateway.http.mount import Mount
from registry_gateway.http.operation import (
    ETAG,
    IF_NONE_MATCH,
    NOT_MODIFIED,
    RETRY_AFTER,
    Detail,
    Operation,
    Parameter,
    Response,
    Security,
    Timestamp,
    Unprocessable,
    secured,
)
from registry_gateway.http.remote_server import Unreachable
from registry_gateway.http.rendered import Rendered, render
from registry_gateway.http.routing import resource
from registry_gateway.registry.kept_view import KeptView
from registry_gateway.registry.pacing import paced
from registry_gateway.registry.registry import Registry
from registry_gateway.registry.shared_read import SharedRead
from registry_gateway.registry.snapshot import Moment, Snapshot, SnapshotEntry
from registry_gateway.settings import PREFIX, Seconds, Settings, SettingsError

__all__ = [
    "ANONYMOUS",
    "ETAG",
    "EXPIRED",
    "IF_NONE_MATCH",
    "NOSNIFF",
    "NOT_MODIFIED",
    "NO_NUL",
    "PREFIX",
    "REFUSES",
    "RETRY_AFTER",
    "SLUG",
    "SUPER_ADMIN",
    "Accounts",
    "Actor",
    "Adapter",
    "Advertise",
    "AlreadyRegistered",
    "Answer",
    "AnyAdapter",
    "BodyTooLarge",
    "Call",
    "CheckedTransport",
    "Clock",
    "Core",
    "Deregister",
    "Destinations",
    "Detail",
    "Done",
    "EmptyBody",
    "Entry",
    "Event",
    "EventKind",
    "Finding",
    "Forbidden",
    "ForbiddenAddress",
    "Health",
    "Importer",
    "Invalid",
    "KeptView",
    "KeyCheck",
    "Lapsed",
    "LeasePolicy",
    "Lifespan",
    "LongText",
    "MissingKey",
    "Moment",
    "Mount",
    "NotInLog",
    "NotOwner",
    "NotRegistered",
    "Operation",
    "OutcomeUnknown",
    "Overloaded",
    "Parameter",
    "RateLimited",
    "Register",
    "Registered",
    "Registration",
    "Registry",
    "RegistryError",
    "Rendered",
    "Renew",
    "Renewed",
    "Response",
    "Seconds",
    "Security",
    "Settings",
    "SettingsError",
    "SharedRead",
    "Snapshot",
    "SnapshotEntry",
    "SplitAddress",
    "Stage",
    "Status",
    "StillSubscribed",
    "StoreImporter",
    "StoreRefuses",
    "StoreUnavailable",
    "Text",
    "Timestamp",
    "TooMany",
    "Unauthorized",
    "Unknown",
    "Unprocessable",
    "Unreachable",
    "WrongKey",
    "account_scopes",
    "bearer",
    "body_answer",
    "check_proxies",
    "chosen",
    "client_tls",
    "decode",
    "decode_errors",
    "fastapi_errors",
    "finding",
    "importing",
    "inspected",
    "installed",
    "json_answer",
    "open_to_writes",
    "own_findings",
    "own_notes",
    "own_tool_commands",
    "paced",
    "parse",
    "render",
    "request_id",
    "resource",
    "secured",
    "service_keys",
    "split_address",
    "unprocessable",
    "web_url",
    "welcomes",
]
