"""What a connector and its caller speak in: the interface, records, outcomes, events, limits, errors."""
