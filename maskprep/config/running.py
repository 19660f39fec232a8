"""Settings of where rows go and of how a run uses this machine."""

from dataclasses import dataclass
from typing import Literal

from maskprep.config.checks import (
    LARGEST_COUNT,
    LONGEST_ROW,
    require,
    require_choice,
    require_count,
)
from maskprep.config.masking import MaskingConfig
from maskprep.errors import ConfigError

Compression = Literal["zstd", "snappy", "lz4", "none"]
EncoderChoice = Literal["auto", "fast", "reference"]
MAX_SHARDS = 100_000
MAX_WORKERS = 4096
"""All are started at once; no machine has so many cores."""


@dataclass(frozen=True)
class ShardConfig:
    """How rows are laid into files."""

    shard_rows: int | None = None
    """Rows per shard; None: equal shards of at most about 256 MiB, 16 of them if they can be."""
    shuffle: bool = True
    compression: Compression = "zstd"
    num_shards: int | None = None
    """Of examples, for every epoch; their rows differ by one at most. None: as shard_rows says."""
    bin_size: int | None = None
    """Lengths that share a bin, of examples; every shard has rows of one bin. None: no bins."""

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            ConfigError: a field has a value it cannot have.
        """
        require_count("shard_rows", self.shard_rows)
        require_choice("compression", self.compression, Compression)
        require_count("num_shards", self.num_shards, most=MAX_SHARDS)
        require(
            self.num_shards is None or self.shard_rows is None,
            "num_shards",
            self.num_shards,
            "nothing beside --shard-rows, which also says how many shards there are",
        )
        require_count("bin_size", self.bin_size, most=LONGEST_ROW)


def check_padding(masking: MaskingConfig, shards: ShardConfig) -> None:
    """Check that rows are padded to one length or put into bins of lengths, not both.

    Raises:
        ConfigError: both are asked for.
    """
    if masking.pad_to_max and shards.bin_size is not None:
        raise ConfigError(
            f"--bin-size is {shards.bin_size}, and --pad-to-max gives all rows one length. Leave "
            f"one of them out: rows of a bin are padded by the trainer, to the end of their bin."
        )


@dataclass(frozen=True)
class RunConfig:
    """How a run uses this machine; nothing here changes a byte of the result."""

    workers: int = 1
    memory_bytes: int | None = None
    """Most private memory of the run, kept by running fewer workers; None: 512 MiB for each."""
    temp_dir: str | None = None
    overwrite: bool = False
    encoder: EncoderChoice = "auto"
    """What turns text into ids: always the ids of the tokenizers library, faster or by itself."""

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            ConfigError: a field has a value it cannot have.
        """
        require_count("workers", self.workers, most=MAX_WORKERS)
        require_choice("encoder", self.encoder, EncoderChoice)
        require(
            self.memory_bytes is None or 1 <= self.memory_bytes <= LARGEST_COUNT,
            "memory",
            self.memory_bytes,
            f"an amount like 512MiB or 2GiB, up to {LARGEST_COUNT:,} bytes",
        )
