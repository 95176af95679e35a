"""What every part of the kit stands on: kernels, memory, threads, files.  Knows no physics."""
