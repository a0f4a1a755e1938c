"""durable-rules, looked after: the network of patterns, its limits, and the only import of the engine."""
