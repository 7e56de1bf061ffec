"""Timestamped frames in, detections out: the only place that knows a model API."""
