"""`maskprep pair`: documents to sentence pairs."""

from maskprep.cli.corpus_options import SpecialTokenOptions
from maskprep.cli.example_options import PairingOptions
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
from maskprep.cli.standard_streams import STANDARD, goes_to_stdout, input_names, open_output
from maskprep.config import PairingConfig, ShardConfig


def pair_command(
    *,
    inputs: StageInputs = None,
    output: Output = None,
    tokenizer: OptionalTokenizerPath = None,
    seed: Seed = PairingConfig.seed,
    limit: Limit = None,
    pairing: PairingOptions,
    roles: SpecialTokenOptions,
    shards: ShardOptions,
    order: OrderOptions,
    machine: MachineOptions,
    report: ReportOptions,
    dry_run: DryRun = False,
) -> None:
    """Turn documents into sentence pairs for next-sentence or sentence-order prediction.

    B follows A in the text, or comes from another document (nsp), or A and B are swapped (sop).
    """
    names = input_names(inputs)
    shard_config = settings_from(ShardConfig, shards, order)
    target = open_output(output, shard_config, dry_run=dry_run)
    config = settings_from(PairingConfig, pairing, seed=seed)

    from maskprep import pipeline
    from maskprep.cli.report import report_run
    from maskprep.cli.running import note, run_context
    from maskprep.encoders.loading import RoleOptions

    if STANDARD in names and goes_to_stdout(output) and not dry_run:
        note(report, "pair: the first pair comes out when the input has ended.")
    rows = pipeline.StageRows(names, tokenizer, settings_from(RoleOptions, roles), limit)
    with run_context(machine, report, dry_run=dry_run) as context:
        summary = pipeline.make_examples(rows, config, shard_config, target, context)
    report_run("pair", summary, report, to_stderr=goes_to_stdout(output))
