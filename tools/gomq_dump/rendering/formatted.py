"""Show messages as a format string says, and nothing else; findings go to stderr, as with text."""

from typing import BinaryIO

from gomq_dump.findings import Finding
from gomq_dump.format_string import FormatString
from gomq_dump.reading.batches import Batch
from gomq_dump.reading.inspection import FileStart, Item
from gomq_dump.reading.records import DecodedRecords
from gomq_dump.rendering.text import finding_text


class FormatRenderer:
    """Shows the records of batches that hold messages; control batches hold none."""

    def __init__(self, form: FormatString, out: BinaryIO, notices: BinaryIO) -> None:
        self._form = form
        self._out = out
        self._notices = notices
        self._path = ""
        self._topic = ""
        self._partition = -1

    def show(self, item: Item) -> None:
        """Show one item, if it is one to be shown."""
        if isinstance(item, Batch):
            self._show_batch(item)
        elif isinstance(item, FileStart):
            self._path = item.file.path
            self._topic, self._partition = item.file.partition or ("", -1)
        elif isinstance(item, Finding):
            self._out.flush()
            self._notices.write(finding_text(self._path, item).encode(errors="surrogateescape"))
            self._notices.flush()

    def _show_batch(self, batch: Batch) -> None:
        if batch.header.is_control or not batch.records:
            return
        for columns in DecodedRecords.of(batch.records).pieces():
            self._out.write(b"".join(self._form.render_columns(self._topic, self._partition, columns)))
