"""bearerd: a standalone reverse proxy that puts OAuth2 tokens on the calls of applications that know none.

One rule: no valid token, nothing goes upstream.
"""

__version__ = "0.1.0"
