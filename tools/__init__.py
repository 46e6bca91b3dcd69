"""Programs used to develop Silverprint; no part of the product."""
