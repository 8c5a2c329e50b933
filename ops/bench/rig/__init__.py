"""The parts that benchmarks and chaos runs share: a private server, and rows of results."""
