"""`GET /catalog/v1/export`: all registrations, and the log, as lines of JSON of one snapshot.

The lines are written to a temporary file first. So the snapshot is held only while the database is read, however slowly
the client reads: on SQLite a snapshot keeps the write-ahead log from being reused.
"""

import asyncio
import tempfile
from contextlib import aclosing
from time import perf_counter
from typing import IO, Annotated

import msgspec
from msgspec import Meta
from starlette.types import Scope, Send

from registry_gateway.auth.bearer import Readers
from registry_gateway.bulk.exporting import lines
from registry_gateway.core.errors import Overloaded, StoreUnavailable
from registry_gateway.http.answer import NOSNIFF, Answer
from registry_gateway.http.call import Call
from registry_gateway.http.query import Word, decode
from registry_gateway.http.rendered import PIECE_BYTES
from registry_gateway.registry.pacing import HOLD_SECONDS, rest
from registry_gateway.registry.queries import Queries
from registry_gateway.store.engine import Store
from registry_gateway.store.lanes.expensive_reads import Gate

MEDIA_TYPE = "application/x-ndjson"

SECONDS = 300.0
"""Seconds that reading the database for an export may take."""


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of `GET /catalog/v1/export`."""

    dialect: Annotated[Word | None, Meta(description="Only registrations and events of this dialect.")] = None
    events: Annotated[
        bool,
        Meta(
            description="Whether the log of events follows. The events of accounts and webhooks are only for tokens "
            "with `admin:registry`."
        ),
    ] = False


class Exports:
    """The exports of a process, of which one at a time is read."""

    def __init__(self, readers: Readers, store: Store, queries: Queries) -> None:
        """Read the registrations as `queries` judges them, and the log."""
        self._readers = readers
        self._store = store
        self._queries = queries
        self._gate = Gate(1)

    async def export(self, call: Call) -> Answer:
        """GET /catalog/v1/export: the lines, or an error; never a part of them."""
        await self._readers.authorize(call)
        query = decode(call.scope.get("query_string", b""), Export)
        accounts = query.events and await self._readers.administers(call)
        call.lasts_long()
        try:
            async with self._gate.passed(), asyncio.timeout(SECONDS):
                return await self._answer(query, accounts=accounts)
        except TimeoutError:
            raise Overloaded(f"The export took longer than {SECONDS:g} seconds; try again later") from None
        except OSError as error:
            raise StoreUnavailable(f"an export can't be written to a temporary file: {error}") from error

    async def _answer(self, query: Export, *, accounts: bool) -> Answer:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the answer closes it
        try:
            await self._write(file, query, accounts=accounts)
            return _FileAnswer(file)
        except BaseException:
            file.close()
            raise

    async def _write(self, file: IO[bytes], query: Export, *, accounts: bool) -> None:
        began, gathered = perf_counter(), bytearray()
        made = lines(self._store, self._queries, dialect=query.dialect, events=query.events, accounts=accounts)
        async with aclosing(made):
            async for line in made:
                gathered += line + b"\n"
                if len(gathered) >= PIECE_BYTES:
                    await asyncio.to_thread(file.write, bytes(gathered))
                    gathered.clear()
                if perf_counter() - began > HOLD_SECONDS:
                    await rest()
                    began = perf_counter()
        await asyncio.to_thread(file.write, bytes(gathered))


class _FileAnswer(Answer):
    """The content of a file as an answer, which closes the file."""

    __slots__ = ("_file",)

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(200)
        self._file = file
        length = b"%d" % file.tell()
        self.headers = [(b"content-length", length), (b"content-type", MEDIA_TYPE.encode()), NOSNIFF]

    async def send(self, scope: Scope, send: Send) -> None:  # noqa: ARG002 - as `Answer` has it
        """Send the content piece by piece, as fast as the client reads."""
        with self._file as file:
            await asyncio.to_thread(file.seek, 0)
            await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
            while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
