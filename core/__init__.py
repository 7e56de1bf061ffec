"""What both wings stand on: settings, errors, blobs, queue names, telemetry."""
