"""Where a Label Studio server of ours may send webhooks: to one loopback address that only our receiver listens on.

By default 1.23.2 sends none to loopback. The setting that lifts this lifts all of its list, so the list is repeated here with
that one address taken out: users can name addresses that the server opens, and must reach nothing else by it.
"""

from ipaddress import IPv4Network, ip_network

RECEIVER = "127.83.89.76"
# Source: label_studio/core/utils/io.py of 1.23.2, validate_ip.
_DEFAULT = (
    "0.0.0.0/8,10.0.0.0/8,100.64.0.0/10,127.0.0.0/8,169.254.0.0/16,172.16.0.0/12,192.0.0.0/24,192.0.2.0/24,192.88.99.0/24,"
    "192.168.0.0/16,198.18.0.0/15,198.51.100.0/24,203.0.113.0/24,224.0.0.0/4,233.252.0.0/24,240.0.0.0/4,255.255.255.255/32,"
    "::/128,::1/128,::ffff:0:0/96,::ffff:0:0:0/96,64:ff9b::/96,64:ff9b:1::/48,100::/64,2001:0000::/32,2001:20::/28,"
    "2001:db8::/32,2002::/16,fc00::/7,fe80::/10,ff00::/8"
)
_LOOPBACK = "127.0.0.0/8"


def banned() -> str:
    """Return the networks that the server must not open: all that it bans by default, but for `RECEIVER`."""
    rest = [str(each) for each in IPv4Network(_LOOPBACK).address_exclude(IPv4Network(f"{RECEIVER}/32"))]
    others = [str(ip_network(each)) for each in _DEFAULT.split(",") if each != _LOOPBACK]
    return ",".join([*others, *sorted(rest)])
