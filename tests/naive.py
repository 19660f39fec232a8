"""Readable plain-Python twins of the kernels: what each must compute, without speed."""


def find_documents(data: bytes, separator: str, first: int = 0) -> list[tuple[int, bytes]]:
    """Return (position, text) of every document: `separator` is "blank-line", "line" or "file"."""
    documents: list[tuple[int, list[bytes]]] = []
    is_inside = False
    place = first
    for line in data[first:].split(b"\n"):
        is_blank = not line.strip()
        if is_blank and separator == "blank-line":
            is_inside = False
        if not is_blank and (not is_inside or separator == "line"):
            documents.append((place, []))
            is_inside = True
        if documents and (is_inside if separator != "line" else not is_blank):
            documents[-1][1].append(line)
        place += len(line) + 1
    return [(position, b"\n".join(lines).strip()) for position, lines in documents]
