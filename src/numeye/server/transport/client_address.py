"""The address of a request's sender, as far as it can be trusted."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Mapping
from functools import lru_cache

PROXIES_VARIABLE = "FORWARDED_ALLOW_IPS"
FORWARDED_HEADERS = (b"forwarded", b"x-forwarded-for")  # which a proxy sets
IPV6_PREFIX_BITS = 64  # which all addresses of one customer have in common
MAX_ADDRESS_CHARACTERS = 64


def trusted_proxies(environment: Mapping[str, str] = os.environ) -> str:
    """Return the addresses of trusted proxies from `FORWARDED_ALLOW_IPS`; empty if not set."""
    return environment.get(PROXIES_VARIABLE, "").strip()


def make_trust_check(addresses: str) -> Callable[[str], bool]:
    """Return a function that tells whether an address is that of a trusted proxy.

    Args:
        addresses: IP addresses and networks, separated by commas, or "*" for all.
    """
    if addresses == "*":
        return lambda _host: True
    names = {name.strip() for name in addresses.split(",") if name.strip()}
    networks = [network for network in map(_parse_network, names) if network is not None]

    @lru_cache(maxsize=1024)
    def is_trusted(host: str) -> bool:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return host in names
        return any(address in network for network in networks)

    return is_trusted


def _parse_network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def client_key(host: str) -> str:
    """Return the key under which an address shares budgets.

    It is the IPv4 address, or the network of the first 64 bits of an IPv6 address.
    """
    text = host[:MAX_ADDRESS_CHARACTERS]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    if address.version == 4:
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, IPV6_PREFIX_BITS), strict=False))
