"""Every vendor that a preset is for; a test holds this to the presets.

One table, so that a preset without a fake is seen.
"""

from __future__ import annotations

from tests.fakes.vendors import identity, odd, signed

VENDORS = {**identity.VENDORS, **odd.VENDORS, **signed.VENDORS}
