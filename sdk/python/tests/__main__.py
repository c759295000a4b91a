"""Runs all tests and ends with the plain count."""

import sys
import unittest
from pathlib import Path

here = Path(__file__).parent
suite = unittest.defaultTestLoader.discover(str(here), top_level_dir=str(here.parent))
result = unittest.TextTestRunner(verbosity=1).run(suite)
bad = len(result.failures) + len(result.errors) + len(result.skipped)
print(f"{result.testsRun - bad} passed, {bad} failed")
sys.exit(0 if result.wasSuccessful() and not result.skipped else 1)
