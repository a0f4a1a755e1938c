"""What connectors share beyond HTTP: small pure parts that know no CRM."""
