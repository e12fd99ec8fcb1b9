"""How many raters may enroll from one address in an hour, so that nobody takes all places."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network

PER_ADDRESS = 30
"""Raters from one address in `SECONDS`; a class behind one router has one."""
SECONDS = 3600.0
_MOST_ADDRESSES = 10_000


class Admission:
    """Counts enrollments by address, in this process and in memory alone: addresses are never stored.

    Args:
        most: enrollments from one address within `SECONDS`.
        clock: returns seconds.
    """

    def __init__(self, most: int = PER_ADDRESS, clock: Callable[[], float] = time.monotonic) -> None:
        self.most, self.clock = most, clock
        self._times: OrderedDict[str, deque[float]] = OrderedDict()
        self._turn = threading.Lock()

    def admit(self, host: str | None) -> bool:
        """Count an enrollment from an address, and return whether it may take place.

        This computer itself is not limited: behind a proxy that does not say for whom it asks
        (X-Forwarded-For), everybody would have its address.
        """
        group = _group(host)
        if group is None:
            return True
        now = self.clock()
        with self._turn:
            times = self._times.setdefault(group, deque())
            self._times.move_to_end(group)
            while len(self._times) > _MOST_ADDRESSES:
                self._times.popitem(last=False)
            while times and times[0] <= now - SECONDS:
                times.popleft()
            if len(times) >= self.most:
                return False
            times.append(now)
            return True


def _group(host: str | None) -> str | None:
    """Return what is counted together: an IPv4 address, or the /64 that a subscriber has in IPv6."""
    try:
        address = ip_address(host or "")
    except ValueError:
        return host or ""
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    if address.is_loopback:
        return None
    return str(ip_network((address, 64), strict=False)) if address.version == 6 else str(address)
