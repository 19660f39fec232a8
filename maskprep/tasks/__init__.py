"""Plans of phases: what each independent task of a stage reads, calls and writes."""
