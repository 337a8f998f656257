"""The program at a terminal, as a person sees it."""

import contextlib
import os
import pty
import subprocess
import threading

from harness import PATIENCE_S, TIDEGATE


class Terminal:
    """A program at a terminal of its own."""

    def __init__(self, *argv, env):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [TIDEGATE, *argv], env=env, stdin=slave, stdout=slave, stderr=slave
        )
        os.close(slave)
        self.output = b""
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        with contextlib.suppress(OSError):  # how a terminal says that the other side is closed
            while data := os.read(self.master, 65536):
                with self._changed:
                    self.output += data
                    self._changed.notify_all()

    def wait_for(self, text):
        """Until `text` stands in what came since the last call."""
        with self._changed:
            found = self._changed.wait_for(lambda: text in self.output, PATIENCE_S)
            assert found, (text, self.output)
            before, _, self.output = self.output.partition(text)
            return before + text

    def type(self, text):
        os.write(self.master, text.encode())

    def end(self):
        code = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return code

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
