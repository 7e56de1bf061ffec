"""The HTTP wing: takes videos in, answers questions. Never imports cv2 or `workers`."""
