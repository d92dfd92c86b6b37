"""Read what a notebook put out in an environment that the site's build doesn't execute in.

The build executes the default environment only. What the others put out stands in their recorded transcripts
(:mod:`live.transcript`), which ``verify`` holds against fresh executions.
"""

import base64
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nbformat import NotebookNode, from_dict

from live import render, transcript
from live.execute import Execution
from live.notebook import Notebook, NotebookError
from live.runner import pinned

# What a transcript says of a picture besides its size, such as: alt "A lake at noon"
_SAID = re.compile(r', (?!sha256 )(\w+) ("(?:[^"\\]|\\.)*"|\d+)(?=,|$)')


class RecordError(Exception):
    """Says in a sentence why what an environment put out can't be shown."""


def outputs_of(label: str, entries: Sequence[transcript.Entry], folder: Path) -> list[NotebookNode]:
    """Turn what a transcript says of a cell back into outputs.

    :param label: label of the cell.
    :param entries: the cell's entries.
    :param folder: the folder of the rich outputs that belong to the transcript.
    :returns: outputs as nbformat holds them. An exception has no traceback.
    :raises RecordError: if the file of a rich output is missing.
    """
    outputs: list[dict[str, Any]] = []
    data: dict[str, Any] = {}
    for number, entry in enumerate(entries, start=1):
        if entry.mimetype is None:
            outputs.append(_output_of(entry))
            continue
        if not data:
            metadata: dict[str, Any] = {}
            output: dict[str, Any] = {"output_type": "display_data", "metadata": metadata, "data": data}
            if entry.kind == "value":
                output |= {"output_type": "execute_result", "execution_count": None}
            outputs.append(output)
        metadata[entry.mimetype] = {name: json.loads(said) for name, said in _SAID.findall(entry.what)}
        data[entry.mimetype] = _data_of(label, number, entry, folder)
        if entry.mimetype == "text/plain":  # the last form of each output
            data = {}
    return [from_dict(output) for output in outputs]  # type: ignore[no-untyped-call]


def _output_of(entry: transcript.Entry) -> dict[str, Any]:
    if entry.kind == "raises":
        return {"output_type": "error", "ename": entry.what, "evalue": entry.plain, "traceback": []}
    name = "stdout" if entry.kind == "printed" else entry.kind
    return {"output_type": "stream", "name": name, "text": f"{entry.plain}\n"}


def _data_of(label: str, number: int, entry: transcript.Entry, folder: Path) -> str:
    suffix = transcript.SUFFIXES.get(entry.mimetype or "")
    if suffix is None:
        return entry.plain
    path = folder / f"{label}-{number}{suffix}"
    if not path.is_file():
        raise RecordError(f"The output {path.name} is not recorded. Record it with `{transcript.RECORD}`.")
    content = path.read_bytes()
    if entry.mimetype in render.PICTURES:
        return base64.b64encode(content).decode()
    return content.decode()


def recorded(notebook: Notebook, environment: str, expected: Path, lock: Path | None) -> Execution:
    """Read the recorded execution of a notebook.

    :param notebook: the notebook.
    :param environment: name of the environment.
    :param expected: the folder of the records, which has a folder for each environment.
    :param lock: the environment's lock file, if it has one.
    :returns: the execution, without what only a fresh one knows: files used, Python, seconds.
    :raises NotebookError: if it isn't recorded, or not whole.
    """
    path = expected / environment / f"{notebook.name}.txt"
    try:
        entries = transcript.read(path.read_text(encoding="utf-8"))
        outputs = tuple(
            outputs_of(cell.label, entries[cell.label], path.with_suffix("")) for cell in notebook.cells
        )
    except (OSError, KeyError, transcript.TranscriptError, RecordError) as error:
        reason = (
            f"What it puts out in the environment “{environment}” is not recorded, or not whole. Record it "
            f"with `{transcript.RECORD} -- {environment}`."
        )
        raise NotebookError(notebook.path, 1, None, reason) from error
    packages = pinned(lock.read_text(encoding="utf-8")) if lock else {}
    return Execution(notebook.name, environment, outputs, {}, packages, "", "", 0.0)
