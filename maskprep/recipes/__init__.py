"""Settings of published pretraining runs, as TOML."""
