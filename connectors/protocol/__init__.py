"""What a connector and its caller speak in: records, outcomes, events, errors."""
