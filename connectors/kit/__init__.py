"""What the connectors of several CRMs share."""
