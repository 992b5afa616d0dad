"""A request's way: routing, headers, bodies, retries, the upstream connection.

Bytes of a message are forwarded as they are.
"""
