"""A video in, timestamped frames out: the only place that touches cv2."""
