"""Who calls, and on whose behalf.

Nothing a caller sends is taken for an identity unless it was authenticated.
"""
