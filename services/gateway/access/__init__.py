"""Who may use the gateway, and for what."""
