"""Settings of each stage: frozen, checked when made, named as in the literature.

Fields carry the names of the command-line options and of the tables in a recipe
(`maskprep/recipes/bert.toml`); `docs/reference/config.md` lists them all.
"""

from maskprep.config.checks import require_count
from maskprep.config.corpus import (
    CorpusConfig,
    Documents,
    Encode,
    Format,
    LineBreaks,
    Model,
    OnInvalid,
    Sentences,
    SpecialTokensInText,
    Split,
    TokenizationConfig,
    TrainingConfig,
    Words,
)
from maskprep.config.examples import (
    SWAPPED_SHARE,
    Boundaries,
    Objective,
    PackingConfig,
    PairingConfig,
)
from maskprep.config.masking import (
    Columns,
    CorruptPer,
    MaskingConfig,
    ReplaceFrom,
    ReplaceWith,
    Selection,
    Unit,
)
from maskprep.config.running import (
    Compression,
    EncoderChoice,
    RunConfig,
    ShardConfig,
    check_padding,
)

__all__ = [
    "SWAPPED_SHARE",
    "Boundaries",
    "Columns",
    "Compression",
    "CorpusConfig",
    "CorruptPer",
    "Documents",
    "Encode",
    "EncoderChoice",
    "Format",
    "LineBreaks",
    "MaskingConfig",
    "Model",
    "Objective",
    "OnInvalid",
    "PackingConfig",
    "PairingConfig",
    "ReplaceFrom",
    "ReplaceWith",
    "RunConfig",
    "Selection",
    "Sentences",
    "ShardConfig",
    "SpecialTokensInText",
    "Split",
    "TokenizationConfig",
    "TrainingConfig",
    "Unit",
    "Words",
    "check_padding",
    "require_count",
]
