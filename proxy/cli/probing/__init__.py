"""The stages of `bearerd probe`: which targets, a token for each alias, a call to each API, and what it all says.

A stage says what failed and which key repairs it; no report holds a token or a secret.
"""
