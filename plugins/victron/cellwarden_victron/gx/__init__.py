"""Cellwarden on a GX device itself: installing, starting, uninstalling, its log."""
