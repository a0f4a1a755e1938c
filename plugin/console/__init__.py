"""What the console's pages work with: calls, deliveries, exclusions and people as they are shown and acted on."""
