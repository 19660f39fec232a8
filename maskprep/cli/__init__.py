"""The terminal: declare options, call one function of the pipeline, report."""
