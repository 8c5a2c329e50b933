"""Errors, each with one sentence for people."""

from __future__ import annotations


class PraError(Exception):
    """The program `pra`, or the database, refused what was asked."""


class RunFailed(PraError):
    """A run ended without success; the message names the job and its reason."""
