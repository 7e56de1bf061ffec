"""Jobs and events as the world is shown them: by the API in its answers, and by webhooks in what they send."""
