"""Text to token ids: loading, roles, saving, encoding."""
