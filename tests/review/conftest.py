"""A store in each engine, whose calls people and judges look at."""

from __future__ import annotations

from outcomes.conftest import desk, mortal, postgres, url

__all__ = ["desk", "mortal", "postgres", "url"]
