"""Memory of the device: which models are on it, how much their work may take, and what is done when it runs out."""
