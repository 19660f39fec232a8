"""Who runs the tasks of a phase."""
