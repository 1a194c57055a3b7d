"""The parts of benchmarks/realtime.py: generator, tally, servers, scenes."""
