"""Where systems err: by hue and by uncertainty."""
