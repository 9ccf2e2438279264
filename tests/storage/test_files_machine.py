"""Ten files, two of them open at a time, behave like a dictionary, on the disk and in memory."""

import tempfile
from pathlib import Path

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gomq_storage.files import File, Files, OsFiles
from tests.support.memory_files import MemoryFiles

NAMES = [str(number) for number in range(10)]
names = st.sampled_from(NAMES)


class FilesMachine(RuleBasedStateMachine):
    """``contents`` is what each name's file must hold; ``handles`` are the files in use, by their names."""

    def __init__(self) -> None:
        super().__init__()
        self.temporary = tempfile.TemporaryDirectory()
        self.contents: dict[str, bytes] = {}
        self.handles: dict[str, File] = {}
        self.files: Files
        self.root: Path

    @initialize(in_memory=st.booleans())
    def start(self, in_memory: bool):
        memory = MemoryFiles()
        self.files = memory if in_memory else OsFiles(max_open=2)
        self.root = memory.root if in_memory else Path(self.temporary.name)

    @rule(name=names, create=st.booleans())
    def open(self, name: str, create: bool):
        if name in self.handles:
            self.handles[name].close()
        if create:
            self.contents.setdefault(name, b"")
        self.handles[name] = self.files.open(self.root / name, create=create)

    @precondition(lambda self: self.handles)
    @rule(data=st.data(), position=st.integers(0, 20), content=st.binary(max_size=9))
    def write(self, data: st.DataObject, position: int, content: bytes):
        name = data.draw(st.sampled_from(sorted(self.handles)))
        try:
            self.handles[name].write(position, [content])
        except FileNotFoundError:
            assert name not in self.contents
        else:
            old = self.contents[name]
            if content:
                self.contents[name] = old[:position].ljust(position, b"\0") + content + old[position + len(content) :]

    @precondition(lambda self: self.handles)
    @rule(data=st.data(), size=st.integers(0, 20))
    def truncate(self, data: st.DataObject, size: int):
        name = data.draw(st.sampled_from(sorted(self.handles)))
        try:
            self.handles[name].truncate(size)
        except FileNotFoundError:
            assert name not in self.contents
        else:
            self.contents[name] = self.contents[name][:size].ljust(size, b"\0")

    @precondition(lambda self: self.handles)
    @rule(data=st.data(), new=names)
    def rename(self, data: st.DataObject, new: str):
        name = data.draw(st.sampled_from(sorted(self.handles)))
        if new in self.handles and new != name:
            self.handles.pop(new).close()
        try:
            self.handles[name].rename(self.root / new)
        except FileNotFoundError:
            assert name not in self.contents
        else:
            self.contents[new] = self.contents.pop(name)
            self.handles[new] = self.handles.pop(name)

    @rule(name=names)
    def remove(self, name: str):
        if name in self.handles:
            self.handles.pop(name).close()
        try:
            self.files.remove(self.root / name)
        except FileNotFoundError:
            assert name not in self.contents
        else:
            del self.contents[name]

    @rule(name=names)
    def close(self, name: str):
        if name in self.handles:
            self.handles.pop(name).close()

    @precondition(lambda self: self.handles)
    @rule(data=st.data())
    def read(self, data: st.DataObject):
        name = data.draw(st.sampled_from(sorted(self.handles)))
        try:
            found = self.handles[name].read(0, 99)
        except FileNotFoundError:
            assert name not in self.contents
        else:
            assert found == self.contents[name]

    @invariant()
    def sizes_are_right_without_opening_anything(self):
        sizes = {name: len(content) for name, content in self.contents.items()}
        assert self.files.sizes(self.root) == sizes
        assert self.files.names(self.root) == sorted(sizes)
        for name, handle in self.handles.items():
            assert handle.path == self.root / name

    def teardown(self):
        for handle in self.handles.values():
            handle.close()
        self.temporary.cleanup()


TestFiles = FilesMachine.TestCase
TestFiles.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
