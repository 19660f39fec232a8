"""Numba kernels: flat arrays in, caller-allocated arrays out; no checks, no exceptions."""
