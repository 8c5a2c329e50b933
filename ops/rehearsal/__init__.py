"""The parts of ops/rehearse."""
