"""`maskprep tokenize`: a corpus to documents of token ids."""

from maskprep.cli.corpus_options import CorpusOptions, SpecialTokenOptions, TokenizationOptions
from maskprep.cli.option_groups import settings_from
from maskprep.cli.options import (
    DryRun,
    EncoderOptions,
    MachineOptions,
    Output,
    RawInputs,
    ReportOptions,
    ShardOptions,
    TokenizerPath,
)
from maskprep.cli.standard_streams import goes_to_stdout, input_names, open_output
from maskprep.config import CorpusConfig, ShardConfig, TokenizationConfig


def tokenize_command(
    *,
    inputs: RawInputs = None,
    tokenizer: TokenizerPath,
    output: Output = None,
    corpus: CorpusOptions,
    tokenization: TokenizationOptions,
    roles: SpecialTokenOptions,
    shards: ShardOptions,
    encoder: EncoderOptions,
    machine: MachineOptions,
    report: ReportOptions,
    dry_run: DryRun = False,
) -> None:
    """Turn raw text into documents: token ids with sentence and word borders."""
    names = input_names(inputs)
    shard_config = settings_from(ShardConfig, shards)
    target = open_output(output, shard_config, dry_run=dry_run)
    corpus_config = settings_from(CorpusConfig, corpus)
    tokenization_config = settings_from(TokenizationConfig, tokenization)

    from maskprep import pipeline
    from maskprep.cli.report import report_run
    from maskprep.cli.running import run_context
    from maskprep.encoders.loading import RoleOptions, load_tokenizer

    parse = tokenization.special_tokens_in_text == "parse"
    options = settings_from(RoleOptions, roles)
    loaded = load_tokenizer(tokenizer, options, parse_special_tokens=parse)
    rows = pipeline.Corpus(names, corpus_config, tokenization_config)
    with run_context(machine, report, encoder, dry_run=dry_run) as context:
        summary = pipeline.tokenize_corpus(rows, loaded, shard_config, target, context)
    report_run("tokenize", summary, report, to_stderr=goes_to_stdout(output))
