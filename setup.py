"""What setup.cfg cannot say: the manual, which is `docs/`, is installed as `appliance/manual`."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

DOCS = Path(__file__).parent / "docs"
PATTERNS = ("*.md", "*.png")


class WithManual(build_py):
    """Copies the pages and their pictures; an editable install reads them where they are."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        manual = Path(self.build_lib) / "appliance/manual"
        for source in sorted(path for pattern in PATTERNS for path in DOCS.rglob(pattern)):
            target = manual / source.relative_to(DOCS)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


setup(cmdclass={"build_py": WithManual})
