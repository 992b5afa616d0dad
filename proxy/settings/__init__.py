"""What users write: YAML, flags or environment to Settings.

Every error names file, line and key, and all are told at once.
"""

from proxy.settings.problems import Place, Problem, SettingsError
from proxy.settings.reading import load
from proxy.settings.single import load_single

__all__ = ["Place", "Problem", "SettingsError", "load", "load_single"]
