"""Networks that steer a UNet from beside it."""
