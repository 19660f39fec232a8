"""Some of the documents of a corpus, chosen by hash, in one pass and bounded memory."""

import heapq
from collections.abc import Iterable, Iterator

import pyarrow as pa

from maskprep.schema import RAW_DOCUMENTS


class _Document:
    """A document's lines, up to the budget."""

    def __init__(self, document_id: int) -> None:
        self.document_id = document_id
        self.lines: list[str] = []
        self.num_bytes = 0

    def __lt__(self, other: "_Document") -> bool:
        # The heap's top is the first to go: the largest hash, of equal ones the longer text.
        return (self.document_id, self.num_bytes, self.lines) > (
            other.document_id,
            other.num_bytes,
            other.lines,
        )

    def add(self, text: str, budget: int) -> None:
        """Take lines as long as the document is shorter than the budget."""
        for line in text.split("\n"):
            if self.num_bytes >= budget:
                return
            # Blank lines would count for as many as the rows have been cut at.
            if line:
                self.lines.append(line)
                self.num_bytes += len(line.encode()) + 1


def sample_documents(
    batches: Iterable[pa.RecordBatch], sample_bytes: int
) -> Iterator[pa.RecordBatch]:
    """Yield the documents with the smallest hashes that make up about `sample_bytes` of text.

    A document belongs to the sample if all documents with smaller hashes together are shorter
    than the budget. So the choice depends on the documents alone, not on their order or on how
    batches are cut, and a document that has dropped out can never come back. A document longer
    than the budget is cut at the line where it reaches it.

    Args:
        batches: of schema.RAW_DOCUMENTS.
        sample_bytes: the budget; as much text is held in memory.
    """
    chosen: list[_Document] = []
    total = 0
    for document in _whole_documents(batches, sample_bytes):
        heapq.heappush(chosen, document)
        total += document.num_bytes
        while total - chosen[0].num_bytes >= sample_bytes:
            total -= heapq.heappop(chosen).num_bytes
    for document in sorted(chosen, reverse=True):
        columns = [[document.document_id], [False], ["\n".join(document.lines)]]
        yield pa.RecordBatch.from_arrays(
            [pa.array(c, field.type) for c, field in zip(columns, RAW_DOCUMENTS, strict=True)],
            schema=RAW_DOCUMENTS,
        )


def _whole_documents(batches: Iterable[pa.RecordBatch], budget: int) -> Iterator[_Document]:
    document: _Document | None = None
    for batch in batches:
        ids = batch.column("document_id").to_pylist()
        continues = batch.column("continues").to_pylist()
        texts = batch.column("text")
        for row, (document_id, goes_on) in enumerate(zip(ids, continues, strict=True)):
            if document is None or not goes_on:
                if document is not None:
                    yield document
                document = _Document(document_id)
            if document.num_bytes < budget:
                document.add(texts[row].as_py(), budget)
    if document is not None:
        yield document
