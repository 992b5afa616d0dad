"""What operators see: health, readiness, metrics.

It never shows a token or a secret.
"""
