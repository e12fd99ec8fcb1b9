"""A connection that must send the head of its request in time; uvicorn alone would wait for ever."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0
"""How long the head of a request may take to arrive, counted from the connection or its first byte."""


class PatientProtocol(H11Protocol):
    """uvicorn's own protocol, which closes connections on which no request begins, or none is finished."""

    _limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self._limit = self.loop.call_later(HEAD_SECONDS, transport.close)

    def data_received(self, data: bytes) -> None:
        """Take a part of a request; from the first part to the whole head there is as much time."""
        super().data_received(data)
        in_head = self.conn.their_state is h11.IDLE and not self.transport.is_closing()
        if not in_head and self._limit is not None:
            self._limit.cancel()
            self._limit = None
        elif in_head and self._limit is None and self.conn.trailing_data[0]:
            self._limit = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the limit."""
        if self._limit is not None:
            self._limit.cancel()
        super().connection_lost(exc)
