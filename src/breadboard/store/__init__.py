"""Copies that can be asked: ClickHouse SQL, embedded by default, written so that twice is harmless."""
