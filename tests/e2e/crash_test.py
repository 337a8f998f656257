#!/usr/bin/env python3
"""Kills the gate under load, again and again, and compares the books with the cloud's bill after
each start: they may say more than was charged, for requests that nobody knows the end of, and never
less."""

import random
import threading
import unittest

from harness import CLOUD, PACED, Emulator, Gate, Home, cloud_provider, eventually

CYCLES = 16
CALLERS = 6
SEED = 20260101
ANSWERS_MAX = 150  # what a gate may have answered when it is killed


class Load:
    """Callers that ask as fast as they are answered, until the gate is gone."""

    def __init__(self, gate):
        self.gate = gate
        self.answered = 0
        self._threads = [
            threading.Thread(target=self._ask, args=(number,)) for number in range(CALLERS)
        ]
        for thread in self._threads:
            thread.start()

    def _ask(self, number):
        count = 0
        while True:
            count += 1
            model = PACED if number == 0 else CLOUD
            try:
                answer = self.gate.chat(model, f"Say {number} {count}.", stream=count % 3 == 0)
            except OSError:
                return
            except Exception:  # noqa: BLE001: an answer that was cut where it could not be read
                return
            self.answered += answer.status == 200

    def join(self):
        for thread in self._threads:
            thread.join()


class Crash(unittest.TestCase):
    def setUp(self):
        self.emulator = Emulator()
        self.addCleanup(self.emulator.close)
        self.home = Home()
        self.addCleanup(self.home.remove)

    def start(self):
        return Gate(cloud_provider(self.emulator), local=False, home=self.home)

    def compare(self, gate):
        """The books and the bill, when nothing is on its way any more."""
        eventually(
            lambda: all(entry["ending"] != "open" for entry in self.emulator.chats()),
            "the cloud has noticed every broken connection",
        )
        total = gate.spend()["total"]
        bill = self.emulator.bill()["nanodollars"]
        self.assertGreaterEqual(total["cost_nanodollars"], bill)
        known = total["cost_nanodollars"] - total["assumed_nanodollars"]
        self.assertLessEqual(known, bill)
        return total, bill

    def test_the_books_never_say_less_than_the_bill(self):
        chance = random.Random(SEED)
        answered = 0
        for cycle in range(CYCLES):
            gate = self.start()
            if cycle > 0:
                self.compare(gate)
            load = Load(gate)
            last = chance.randrange(ANSWERS_MAX)
            eventually(lambda: load.answered >= last, f"{last} answers", pause_s=0.0005)
            gate.program.kill()
            load.join()
            answered += load.answered
        gate = self.start()
        self.addCleanup(gate.close)
        total, bill = self.compare(gate)
        self.assertGreater(answered, CYCLES)
        self.assertGreater(bill, 0)
        self.assertGreater(total["assumed_nanodollars"], 0, "every crash came at rest")

    def test_after_a_crash_without_load_the_books_are_exact(self):
        gate = self.start()
        for number in range(20):
            self.assertEqual(gate.chat(CLOUD, f"Say {number}.").status, 200)
        self.assertEqual(gate.spent_nanodollars(), self.emulator.bill()["nanodollars"])
        gate.program.kill()
        gate = self.start()
        self.addCleanup(gate.close)
        total, bill = self.compare(gate)
        self.assertEqual(total["cost_nanodollars"], bill)


if __name__ == "__main__":
    unittest.main()
