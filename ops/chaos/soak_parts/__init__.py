"""The parts of ops/chaos/soak: the world, what is read of its processes, and the lines through that."""
