"""`maskprep train`: a corpus to a tokenizer."""

from maskprep.cli.corpus_options import CorpusOptions, TrainingOptions
from maskprep.cli.option_groups import settings_from
from maskprep.cli.options import DryRun, MachineOptions, OutputFolder, RawInputs, ReportOptions
from maskprep.cli.standard_streams import input_names, output_folder
from maskprep.config import CorpusConfig, TrainingConfig


def train_command(
    *,
    inputs: RawInputs = None,
    output: OutputFolder,
    corpus: CorpusOptions,
    training: TrainingOptions,
    machine: MachineOptions,
    report: ReportOptions,
    dry_run: DryRun = False,
) -> None:
    """Learn a tokenizer (WordPiece, byte-level BPE or Unigram) from raw text.

    The same text gives the same files, byte for byte.
    """
    names = input_names(inputs)
    folder = output_folder(output)
    corpus_config = settings_from(CorpusConfig, corpus)
    config = settings_from(TrainingConfig, training)

    from maskprep import pipeline
    from maskprep.cli.report import report_training
    from maskprep.cli.running import run_context

    with run_context(machine, report, dry_run=dry_run) as context:
        summary = pipeline.train_corpus(names, corpus_config, config, folder, context)
    report_training(summary, config, report)
