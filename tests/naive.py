"""Readable plain-Python twins of the kernels: what each must compute, without speed."""
