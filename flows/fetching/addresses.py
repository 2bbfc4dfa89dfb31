"""Which network addresses a source may be at.

An address inside an organization (private, loopback, link-local and the like) is none where a source of ours
can be; a redirect or a name server that leads there would make us ask what we can reach and others can't.
What counts is the address that is connected to, whatever name led to it.
"""

from __future__ import annotations

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
"""RFC 6052: an IPv4 address stands in the last four bytes."""


def literal(host: str) -> Address | None:
    """The address that a host is, if it is one and no name."""
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


def is_public(text: str) -> bool:
    """Whether an address belongs to a single host of the public network, as it is and as it is translated."""
    address = literal(text)
    if address is None:
        return False
    return all(one.is_global and not one.is_multicast for one in (address, *_within(address)))


def _within(address: Address) -> list[Address]:
    """IPv4 addresses to which a translator on the way would carry an IPv6 address."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    found: list[Address | None] = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _TRANSLATED:
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [one for one in found if one is not None]
