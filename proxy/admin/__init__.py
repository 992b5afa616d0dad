"""What operators see: health, readiness, metrics.

It never shows a token or a secret.
"""

from proxy.admin.application import admin_application, metrics_application
from proxy.admin.view import AdminView, AliasSnapshot

__all__ = ["AdminView", "AliasSnapshot", "admin_application", "metrics_application"]
