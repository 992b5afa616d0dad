"""The way to an API: resolve, connect, pool, and exchange HTTP/1.1.

A connection that is not plainly clean is never used again.
"""

from proxy.http.upstream.connect import Connector
from proxy.http.upstream.connection import BodyCutError, Connection
from proxy.http.upstream.pool import ConnectionPool
from proxy.http.upstream.resolve import Resolver

__all__ = ["BodyCutError", "Connection", "ConnectionPool", "Connector", "Resolver"]
