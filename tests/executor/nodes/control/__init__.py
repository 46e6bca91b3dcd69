"""Nodes that steer by pictures."""
