"""The checkout as a whole: sizes, docstrings, signs at the doors, packages, nothing of anybody's machine."""

import ast
import fnmatch
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PACKAGES = ("hal", "models", "appliance", "central")
MOST_LINES = 500  # past this a file has a seam that a reader misses
CODE = {".py", ".sh", ".js", ".css", ".html"}
TABLE_SHARE = 0.8  # a longer file may stand when this much of it is constants
WITHOUT_SIGN = {"docs", "tests", ".ci"}  # a room whose files speak for themselves

# Written so that this file does not find itself.
NOT_OURS = {
    "a path of a development machine": re.compile(
        r"(?<![\w.])/(wor[k]|roo[t]|hom[e]/\w+|far[m])(?=/|\b)(?!-)"
    ),
    "a package host": re.compile(
        r"\b(pypi[.]org|pythonhosted[.]org|deb[.]debian[.]org|registry[.]npmjs[.]org)"
    ),
}
PACKAGE_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")


@pytest.fixture(scope="session")
def tracked() -> list[Path]:
    """The files that git keeps, as paths inside the repository."""
    if shutil.which("git") is None or not (REPOSITORY / ".git").exists():
        pytest.skip("not a git checkout")
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, check=True, capture_output=True)
    names = [Path(name) for name in listing.stdout.decode().split("\0") if name]
    return [name for name in names if (REPOSITORY / name).is_file()]


def table_share(source: str) -> float:
    """How much of a module is constants: the lines of its top-level assignments, of all its lines."""
    tree = ast.parse(source)
    rows = sum(
        node.end_lineno - node.lineno + 1
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.end_lineno is not None
    )
    return rows / max(1, source.count("\n"))


def too_long(name: str, source: str) -> bool:
    if source.count("\n") <= MOST_LINES:
        return False
    return not (name.endswith(".py") and table_share(source) >= TABLE_SHARE)


def needs_of(package_list: str) -> list[list[str]]:
    """The list as config/install-packages.sh reads it: a line a need, with its alternatives."""
    lines = (line.split("#")[0].strip() for line in package_list.splitlines())
    return [line.split("|") for line in lines if line]


def not_ours_in(text: str) -> list[str]:
    return [what for what, pattern in NOT_OURS.items() if pattern.search(text)]


def shipped(name: Path, manifest: str) -> bool:
    """Whether a `recursive-include FOLDER PATTERN...` of MANIFEST.in takes this file."""
    folders = {str(parent) for parent in name.parents}
    lines = [line.split("#")[0].split() for line in manifest.splitlines()]
    return any(
        words[:1] == ["recursive-include"]
        and words[1] in folders
        and any(fnmatch.fnmatch(name.name, pattern) for pattern in words[2:])
        for words in lines
    )


def test_ok_no_file_is_too_long(tracked: list[Path]) -> None:
    long = [
        str(name)
        for name in tracked
        if name.suffix in CODE and too_long(name.name, (REPOSITORY / name).read_text(encoding="utf-8"))
    ]
    assert long == []


def test_fail_a_long_file_that_is_no_table() -> None:
    code = "def f(x):\n    return x\n" * 300
    table = "TABLE = {\n" + "    1: 2,\n" * 600 + "}\n"
    assert too_long("code.py", code)
    assert too_long("code.js", table)
    assert not too_long("table.py", table)
    assert not too_long("short.py", code[:1000])


def test_ok_nothing_of_anybody_s_machine(tracked: list[Path]) -> None:
    found = []
    for name in tracked:
        try:
            text = (REPOSITORY / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture or a model
        found += [f"{name}: {what}" for what in not_ours_in(text)]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "open('/wo" + "rk/data')",
        "cd /ro" + "ot/x",
        "/ho" + "me/jane/borne",
        "https://pypi" + ".org/simple",
        "deb" + ".debian.org",
    ],
)
def test_fail_a_machine_s_path_is_found(text: str) -> None:
    assert not_ours_in(text) != []


@pytest.mark.parametrize(
    "text", ["services/lane/workflow.py", "the network/workflow", "/run/borne", "at home/work"]
)
def test_ok_other_words_are_not_taken_for_paths(text: str) -> None:
    assert not_ours_in(text) == []


def test_ok_every_module_says_what_it_is(tracked: list[Path]) -> None:
    silent = [
        str(name)
        for name in tracked
        if name.suffix == ".py"
        and name.parts[0] in (*PACKAGES, "benchmarks")
        and not ast.get_docstring(ast.parse((REPOSITORY / name).read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_ok_every_folder_of_modules_is_a_package(tracked: list[Path]) -> None:
    """setuptools leaves a folder without __init__.py behind, and nothing says so until it is installed."""
    folders = {
        parent
        for name in tracked
        if name.suffix == ".py" and name.parts[0] in PACKAGES
        for parent in name.parents
        if parent != Path()
    }
    assert [str(folder) for folder in sorted(folders) if folder / "__init__.py" not in tracked] == []


def test_ok_what_lies_in_a_package_is_shipped_with_it(tracked: list[Path]) -> None:
    manifest = (REPOSITORY / "MANIFEST.in").read_text(encoding="utf-8")
    data = [name for name in tracked if name.parts[0] in PACKAGES and name.suffix != ".py"]
    assert [str(name) for name in data if not shipped(name, manifest)] == []


def test_fail_a_data_file_that_the_manifest_forgets() -> None:
    manifest = "recursive-include appliance *.toml\n"
    assert shipped(Path("appliance/services/lane/policy.toml"), manifest)
    assert not shipped(Path("appliance/services/lane/kiosk/static/kiosk.css"), manifest)
    assert not shipped(Path("central/policy.toml"), manifest)


def test_ok_every_room_has_a_sign_at_its_door(tracked: list[Path]) -> None:
    rooms = {name.parts[0] for name in tracked if len(name.parts) > 1} - WITHOUT_SIGN
    unsigned = [
        room
        for room in sorted(rooms)
        if Path(room, "README.md") not in tracked and Path(room, "__init__.py") not in tracked
    ]
    assert unsigned == []


def test_ok_the_package_list_parses() -> None:
    needs = needs_of((REPOSITORY / "config/apt-packages.txt").read_text(encoding="utf-8"))
    names = [name for need in needs for name in need]
    assert names
    assert [name for name in names if not PACKAGE_NAME.fullmatch(name)] == []
    assert sorted(set(names)) == sorted(names), "a package is listed twice"


def test_ok_every_package_has_its_reason() -> None:
    lines = (REPOSITORY / "config/apt-packages.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line and not line.startswith("#") and " # " not in line] == []


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
class TestMake:
    def make(self, *words: str) -> str:
        # not the flags of the `make test` that may have started this
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        command = ["make", *words]
        done = subprocess.run(
            command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    def test_ok_bare_make_lists_the_targets(self) -> None:
        listed = re.findall(r"^  make ([\w-]+)", self.make(), re.MULTILINE)
        long = ["devices", "soak", "image", "lock", "image-test", "update-test"]
        assert listed == ["help", "setup", "demo", "test", "lint", "bench", *long, "clean"]

    @pytest.mark.parametrize(
        ("target", "command"),
        [
            ("demo", ".venv/bin/borne demo"),
            ("test", '-m pytest -m "not soak"'),
            ("soak", "-m pytest -m soak"),
            ("lint", "-m mypy"),
            ("image", "image-build/build.py qemu-arm64"),
            ("image-test", "image-build/acceptance.py qemu-arm64"),
            ("update-test", "image-build/slots.py qemu-arm64"),
        ],
    )
    def test_ok_each_sets_up_before_it_runs(self, target: str, command: str) -> None:
        plan = self.make("--dry-run", target)
        assert 0 <= plan.find("install-packages.sh") < plan.find(command)

    def test_ok_a_new_dependency_is_installed_by_the_next_run(self) -> None:
        plan = self.make("--dry-run", "--what-if=setup.cfg", "setup")
        assert "pip install" in plan


@pytest.mark.parametrize(
    ("failing", "code", "says"),
    [
        ("none", 0, ""),
        ("lint", 1, "failed: lint"),
        ("test", 1, "failed: test"),
        ("image-test", 1, "failed: image-test"),
    ],
)
def test_ok_ci_runs_all_and_keeps_the_failure(tmp_path: Path, failing: str, code: int, says: str) -> None:
    """A `make` that only says what it was asked for, and fails where it is told to."""
    make = tmp_path / "make"
    make.write_text(f'#!/bin/sh\necho "$2 ran"\n[ "$2" != {failing} ]\n', encoding="utf-8")
    make.chmod(0o755)
    done = subprocess.run(
        ["bash", ".ci/run"],
        cwd=REPOSITORY,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code
    assert [line for line in done.stdout.splitlines() if line.endswith(" ran")] == [
        "setup ran",
        "lint ran",
        "test ran",
        "image-test ran",
    ]
    assert says in done.stdout


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="dpkg-query belongs to Debian")
class TestInstallPackages:
    """config/install-packages.sh as far as it can run without installing anything."""

    def run(self, listing: Path, *, path: str | None = None) -> subprocess.CompletedProcess[str]:
        script = REPOSITORY / "config/install-packages.sh"
        environment = {"PATH": path or "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
        command = ["/bin/sh", str(script), str(listing)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def fake_tools(self, folder: Path, **tools: str) -> str:
        """A PATH of its own: text tools by link, a script for each that could change the machine."""
        folder.mkdir()
        harmless = {"tee": "cat >/dev/null", "chmod": ":", "rm": ":", "mktemp": f"echo {folder}/log"}
        scripts = {**harmless, **tools}
        for name, body in scripts.items():
            script = folder / name.replace("_", "-")
            # "x": a script is a new file, never written through a link to the machine's own tool
            with script.open("x", encoding="utf-8") as file:
                file.write(f"#!/bin/sh\n{body}\n")
            script.chmod(0o755)
        for name in ("sed", "tr", "grep", "cat", "dirname", "env"):
            (folder / name).symlink_to(shutil.which(name) or name)
        return str(folder)

    def test_ok_nothing_is_done_when_nothing_is_missing(self, tmp_path: Path) -> None:
        (tmp_path / "list").write_text("dpkg # is here\nno-such-package|dash # its second name is\n")
        path = self.fake_tools(
            tmp_path / "bin",
            dpkg_query='case "$3" in dpkg|dash) printf installed;; *) exit 1;; esac',
            apt_get=f"touch {tmp_path}/called",
        )
        done = self.run(tmp_path / "list", path=path)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert not (tmp_path / "called").exists()

    def test_ok_the_first_alternative_on_offer_is_installed(self, tmp_path: Path) -> None:
        (tmp_path / "list").write_text("old|new # either\n")
        path = self.fake_tools(
            tmp_path / "bin",
            dpkg_query=f'[ "$3" = new ] && cat {tmp_path}/state 2>/dev/null',
            id="echo 0",
            apt_cache='[ "$2" = new ] && echo "  Candidate: 1.0" || echo "  Candidate: (none)"',
            apt_get=f"""
                echo "$*" >>{tmp_path}/calls
                case "$*" in *install*) printf installed >{tmp_path}/state;; esac""",
        )
        done = self.run(tmp_path / "list", path=path)
        assert done.returncode == 0, done.stderr
        calls = (tmp_path / "calls").read_text().splitlines()
        assert calls[0].endswith("update")
        assert calls[1].endswith("install --no-install-recommends new")

    def test_fail_neither_root_nor_sudo(self, tmp_path: Path) -> None:
        (tmp_path / "list").write_text("no-such-package # missing\n")
        path = self.fake_tools(tmp_path / "bin", dpkg_query="exit 1", id="echo 1000")
        done = self.run(tmp_path / "list", path=path)
        assert done.returncode == 2
        assert "not root and no sudo" in done.stderr
        assert "no-such-package" in done.stderr

    def test_fail_sudo_refuses(self, tmp_path: Path) -> None:
        (tmp_path / "list").write_text("no-such-package|another # missing\n")
        path = self.fake_tools(
            tmp_path / "bin",
            dpkg_query="exit 1",
            id="echo 1000",
            sudo="exit 1",
            apt_get=f"touch {tmp_path}/called",
        )
        done = self.run(tmp_path / "list", path=path)
        assert done.returncode == 2
        assert done.stderr.endswith(
            "sudo does not let this user in; ask for these to be installed: no-such-package|another\n"
        )
        assert not (tmp_path / "called").exists()

    def test_fail_a_package_that_nobody_offers(self, tmp_path: Path) -> None:
        (tmp_path / "list").write_text("no-such-package # missing\n")
        path = self.fake_tools(tmp_path / "bin", dpkg_query="exit 1", id="echo 0", apt_cache=":", apt_get=":")
        done = self.run(tmp_path / "list", path=path)
        assert done.returncode == 2
        assert "this release offers none of: no-such-package" in done.stderr

    def test_fail_apt_s_own_words_are_shown(self, tmp_path: Path) -> None:
        (tmp_path / "list").write_text("new # missing\n")
        path = self.fake_tools(
            tmp_path / "bin",
            dpkg_query="exit 1",
            id="echo 0",
            apt_cache='echo "  Candidate: 1.0"',
            apt_get='case "$*" in *install*) echo "E: no space left"; exit 100;; esac',
        )
        done = self.run(tmp_path / "list", path=path)
        assert done.returncode == 2
        assert "E: no space left" in done.stderr
        assert "apt-get could not install: new" in done.stderr

    def test_fail_no_list(self, tmp_path: Path) -> None:
        done = self.run(tmp_path / "absent")
        assert done.returncode == 2
        assert "cannot be read" in done.stderr

    def test_fail_no_debian(self, tmp_path: Path) -> None:
        (tmp_path / "list").write_text("pcscd # readers\n")
        done = self.run(tmp_path / "list", path=self.fake_tools(tmp_path / "bin"))
        assert done.returncode == 2
        assert "install by hand: pcscd" in done.stderr


def test_ok__nobody_waits_with_wait_for() -> None:
    """asyncio.wait_for of Python 3.11 swallows a cancellation that comes together with the result, and a
    service that swallows it never ends; asyncio.timeout does not."""
    offenders = [
        str(path.relative_to(REPOSITORY))
        for package in ("hal", "models", "appliance", "central")
        for path in (REPOSITORY / package).rglob("*.py")
        if "asyncio.wait_for(" in path.read_text("utf-8")
    ]
    assert offenders == []
