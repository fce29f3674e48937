"""The project's own benchmarks: servers side by side in one run, in interleaved rounds."""
