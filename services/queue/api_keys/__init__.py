"""The keys that clients of a gateway show."""
