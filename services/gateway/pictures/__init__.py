"""Other versions of pictures, made in processes of their own: Pillow meets bytes from anybody there."""
