"""What users write: YAML to Settings.

Every error names file, line and key.
"""
