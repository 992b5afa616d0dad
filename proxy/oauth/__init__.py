"""A token's life: grants, client authentication, the cache and its refresh.

It imports from outside itself only errors, units, secrets and addresses.
"""
