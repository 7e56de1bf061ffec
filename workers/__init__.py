"""The queue wing: turns a video into events. Never imports FastAPI or `services`."""
