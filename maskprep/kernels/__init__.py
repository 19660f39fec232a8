"""Numba kernels: flat arrays and offsets in, caller-allocated arrays out; no checks, no exceptions."""
