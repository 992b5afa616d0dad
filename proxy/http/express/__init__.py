"""The express lane: plain requests from bytes to bytes, in front of aiohttp's server on the same socket.

It has no rules of its own: what is not settled at a glance takes the walk, and what is not plain takes aiohttp's server.
"""

from proxy.http.express.server import ExpressServer

__all__ = ["ExpressServer"]
