"""Exports of other systems to security material: what each key becomes, and what stays behind.

Pure: bytes in, entries and text out; nothing here shows a secret, and nothing of an export is lost without a word.
"""

from __future__ import annotations
