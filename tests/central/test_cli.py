import json

import pytest
from central_common import take

from central.cli import main
from central.store import Store


def test_ok__from_keys_to_counts(tmp_path, keys, make_box, capsys) -> None:
    box = make_box()
    database = str(tmp_path / "x.db")
    assert main(["keys", "--folder", str(tmp_path / "new")]) == 0
    assert (tmp_path / "new" / "reference.pub").exists()
    where = box.folder / "keys"
    register = ["register", "--database", database, "box-1", str(where / "signing.pub")]
    assert main([*register, "--sealing", str(where / "sealing.pub")]) == 0
    store = Store(database)
    take(store, keys, "box-1", *box.record(2))
    store.close()
    capsys.readouterr()
    assert main(["count", "--database", database, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "records": 2,
        "crossings": 2,
        "refused": 0,
        "duplicates": 0,
        "devices": 1,
        "waiting": 0,
    }
    assert main(["count", "--database", database]) == 0
    assert "records      2" in capsys.readouterr().out


BROKER = ["--host", "127.0.0.1", "--port", "1", "--ca", "x", "--certificate", "x", "--key", "x"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["keys", "--folder", "{keys}"], "never overwritten"),
        (["register", "--database", "{db}", "box-1", "{missing}"], "cannot be read"),
        (["register", "--database", "{db}", "../x", "{public}"], "A name has"),
        (["register", "--database", "{db}", "box-1", "{keys}/sealing.pub"], "other than"),
        (["count", "--database", "{missing}/x.db"], "cannot be used"),
        (["run", "--database", "{db}", "--keys", "{missing}", *BROKER], "cannot be read"),
        (["run", "--database", "{db}", "--keys", "{keys}", *BROKER], "certificates"),
        (["publish", "list", "{public}", *BROKER], "certificates"),
        (["publish", "list", "{missing}", *BROKER], "No such file"),
        (["publish", "list", "other", "{public}", *BROKER], "is of one list"),
    ],
)
def test_fail__one_line_and_code_2(tmp_path, keys, capsys, arguments, said) -> None:
    folder = tmp_path / "central-keys"
    names = {
        "keys": folder,
        "public": folder / "reference.pub",
        "db": tmp_path / "x.db",
        "missing": tmp_path / "missing",
    }
    assert main([argument.format(**names) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("borne-central: ")
    assert said in error
    assert error.count("\n") == 1


def test_fail__no_such_action(capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["unregister"])
    assert caught.value.code == 2
