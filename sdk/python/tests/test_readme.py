"""The README does what it says, and says the same in both languages."""

import os
import re
import subprocess
import unittest
from pathlib import Path
from typing import List, Tuple

from . import around


def blocks(name: str) -> List[Tuple[str, str]]:
    text = (around.SDK / name).read_text(encoding="utf-8")
    return re.findall(r"^```([a-z]+)\n(.*?)^```$", text, re.M | re.S)


class Readme(unittest.TestCase):
    def test_its_commands_and_programs_run_in_this_order(self) -> None:
        script = ["set -euo pipefail"]
        for kind, text in blocks("README.md"):
            script.append(text if kind == "sh" else f"python3 - <<'END-OF-PROGRAM'\n{text}END-OF-PROGRAM\n")
        self.assertEqual(len(script), 6)
        outside = {name: value for name, value in os.environ.items() if name not in ("HOLDFAST_MID", "HOLDFAST_TID")}
        done = subprocess.run(
            ["bash", "-c", "\n".join(script)],
            cwd=around.REPOSITORY,
            env={
                **outside,
                # The harness' `holdfast`.
                "PATH": f"{Path(around.ENV['HOLDFAST_BINARY']).parent}:{os.environ['PATH']}",
                "PYTHONIOENCODING": "utf-8",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("\nSUCCESS\n成功\nSUCCESS\n成功\n", done.stdout)
        self.assertRegex(done.stdout, "refunded 2000 fen: SUCCESS")
        # The typed program took its capture: nothing of what it prints on errors is there.
        self.assertNotIn("pointless", done.stdout)

    def test_both_languages_show_the_same_code(self) -> None:
        self.assertEqual(blocks("README.md"), blocks("README.zh-CN.md"))
