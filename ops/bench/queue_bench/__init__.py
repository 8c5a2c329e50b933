"""The measurements of ops/bench/queue, a module for each thing that a queue is asked for."""
