"""Signatures made with a user's own key: JWTs, DPoP proofs, SAML assertions.

Keys and certificates come as text and leave as values; cryptography is imported when the first of them is used.
"""
