"""Turns raw text into training data for masked language models.

    raw text ──train──────> tokenizer
    raw text ──tokenize──> DOCUMENTS ──pair, pack──> EXAMPLES ──mask──> MASKED shards
             └───────────────────────── prepare ─────────────────────────┘

Every arrow is a function from Arrow record batches to Arrow record batches (`maskprep.stages`);
what a row holds at each step stands in `maskprep.schema`.
"""

__version__ = "0.1.0"
