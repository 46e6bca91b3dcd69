"""Networks beside the UNet."""
