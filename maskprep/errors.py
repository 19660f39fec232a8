"""What can go wrong, and with which exit code the command line reports it.

    MaskprepError
    ├── ConfigError      2  a setting or argument: value, expectation, what to do
    ├── TokenizerError   2  a file that is no tokenizer, or a tokenizer without a needed role
    ├── CorpusError      1  raw input that cannot be read or holds no text
    │   └── NoRowsError  1  input that gives no row
    ├── SchemaError      1  a table or stream with other columns than the stage reads
    ├── ShardError       1  a data set that is damaged, incomplete or cut off
    └── MachineError     3  disk, permission, memory, a folder held by another run

A message says what is wrong with which value and where, what was expected, and what to do.
"""


class MaskprepError(Exception):
    """Something the user can mend; the command line prints its message without a traceback."""

    exit_code = 1


class ConfigError(MaskprepError):
    """A setting, option or argument is unusable."""

    exit_code = 2


class TokenizerError(MaskprepError):
    """A tokenizer cannot be loaded or lacks a role the stage needs."""

    exit_code = 2


class CorpusError(MaskprepError):
    """Raw input cannot be read, decoded, or holds no text."""


class NoRowsError(CorpusError):
    """Not one row came out of the input."""


class SchemaError(MaskprepError):
    """A table or stream does not have the columns a stage reads."""


class ShardError(MaskprepError):
    """A data set is damaged, incomplete, or was made with something else."""


class MachineError(MaskprepError):
    """The machine refuses: disk full, no permission, out of memory, folder in use."""

    exit_code = 3
