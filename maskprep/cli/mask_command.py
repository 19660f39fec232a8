"""`maskprep mask`: examples to masked examples."""

from maskprep.cli.corpus_options import SpecialTokenOptions
from maskprep.cli.example_options import MaskingOptions
from maskprep.cli.option_groups import settings_from
from maskprep.cli.options import (
    DryRun,
    Limit,
    MachineOptions,
    OptionalTokenizerPath,
    OrderOptions,
    Output,
    ReportOptions,
    Seed,
    ShardOptions,
    StageInputs,
)
from maskprep.cli.standard_streams import goes_to_stdout, input_names, open_output
from maskprep.config import MaskingConfig, ShardConfig


def mask_command(
    *,
    inputs: StageInputs = None,
    output: Output = None,
    tokenizer: OptionalTokenizerPath = None,
    seed: Seed = MaskingConfig.seed,
    limit: Limit = None,
    masking: MaskingOptions,
    roles: SpecialTokenOptions,
    shards: ShardOptions,
    order: OrderOptions,
    machine: MachineOptions,
    report: ReportOptions,
    dry_run: DryRun = False,
) -> None:
    """Choose tokens, words or spans to predict, and write input, target and loss mask."""
    names = input_names(inputs)
    shard_config = settings_from(ShardConfig, shards, order)
    target = open_output(output, shard_config, dry_run=dry_run)
    config = settings_from(MaskingConfig, masking, seed=seed)

    from maskprep import pipeline
    from maskprep.cli.report import report_run
    from maskprep.cli.running import run_context
    from maskprep.encoders.loading import RoleOptions

    rows = pipeline.StageRows(names, tokenizer, settings_from(RoleOptions, roles), limit)
    with run_context(machine, report, dry_run=dry_run) as context:
        summary = pipeline.mask_dataset(rows, config, shard_config, target, context)
    report_run("mask", summary, report, to_stderr=goes_to_stdout(output))
