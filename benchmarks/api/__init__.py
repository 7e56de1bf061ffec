"""What the API costs beside the least that its framework and its driver could do."""
