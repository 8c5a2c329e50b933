"""The parts of ops/chaos/queue: the world that is disturbed, its faults, and the checker of its history."""
