"""The wire of the integration tests: bearerd between a raw client and a raw upstream."""

from tests.integration.conftest import _shared_wires, wire

__all__ = ["_shared_wires", "wire"]
