"""Facts become a decision: types of facts, the walk over the engine, the trace of what fired."""
