"""Published ComfyUI clients against a server: whether each runs a workflow and gets its picture."""
