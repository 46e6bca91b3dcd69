"""Converting pictures."""
