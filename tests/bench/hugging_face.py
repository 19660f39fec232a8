"""The route of today: datasets.map, rows of one length, collator, Parquet."""

import os
import sys

os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"  # num_proc is what runs in parallel

import datasets
from transformers import DataCollatorForLanguageModeling, PreTrainedTokenizerFast

SPECIALS = 2


def main(
    text: str, tokenizer_json: str, output: str, workers: str, max_seq_length: str, arrays: str
) -> None:
    """Turn JSON Lines into masked rows in Parquet; `arrays` is "pt" (the default) or "np"."""
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=tokenizer_json,
        unk_token="[UNK]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        mask_token="[MASK]",
    )
    length = int(max_seq_length) - SPECIALS
    collator = DataCollatorForLanguageModeling(tokenizer, return_tensors=arrays, seed=0)

    def encode(batch: dict) -> dict:
        return tokenizer(
            batch["text"],
            add_special_tokens=False,
            return_attention_mask=False,
            return_token_type_ids=False,
        )

    def group(batch: dict) -> dict:
        stream = [token for ids in batch["input_ids"] for token in ids]
        stop = len(stream) - len(stream) % length
        return {
            "input_ids": [
                [tokenizer.cls_token_id, *stream[i : i + length], tokenizer.sep_token_id]
                for i in range(0, stop, length)
            ]
        }

    def mask(batch: dict) -> dict:
        masked = collator([{"input_ids": ids} for ids in batch["input_ids"]])
        return {"input_ids": masked["input_ids"], "labels": masked["labels"]}

    rows = datasets.load_dataset(
        "json", data_files=text, split="train", cache_dir=f"{output}/cache"
    )
    options = {"batched": True, "num_proc": int(workers)}
    rows = rows.map(encode, remove_columns=rows.column_names, **options)
    rows = rows.map(group, **options)
    rows = rows.map(mask, **options)
    rows.to_parquet(f"{output}/masked.parquet")


if __name__ == "__main__":
    datasets.disable_progress_bars()
    main(*sys.argv[1:])
