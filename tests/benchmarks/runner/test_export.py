"""Exported files hold every row of every record, and their cards name every column."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from benchmarks import ROOT
from benchmarks.runner import export
from guided_rl.cli import main
from guided_rl.results import records
from guided_rl.runtime.errors import UserError


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    said = []
    export.export(["robust"], folder, said.append)
    assert len(said) == 1 and "records in" in said[0]
    return folder / "robust"


def stored():
    return records.read_all(ROOT / "results", "robust", "cpu")


@pytest.mark.parametrize("part", export.PARTS)
def test_every_row_of_every_record_is_there_and_says_whose_it_is(exported, part):
    table = pq.read_table(exported / f"{part}.parquet")
    assert table.column_names == list(export.PARTS[part])
    assert table.num_rows == sum(getattr(record, part).num_rows for record in stored())
    frame = table.to_pydict()
    for record in stored():
        mine = np.flatnonzero(np.array(frame["cell"]) == record.cell)
        assert len(mine) == getattr(record, part).num_rows
        assert {frame[name][i] for i in mine[:50] for name in ("method",)} == {record.method}
        number = "episode_return" if part == "returns" else "value"
        np.testing.assert_array_equal(np.array(frame[number])[mine], getattr(record, part)[number].to_numpy())
        assert {frame["grid"][i] for i in mine} == {json.dumps(point) for point in record.points}


def test_the_dataset_card_has_front_matter_and_every_column(exported):
    text = (exported / "README.md").read_text(encoding="utf-8")
    _, front, body = text.split("---\n", 2)
    facts = yaml.safe_load(front)
    assert facts["license"] == "apache-2.0"
    assert [config["data_files"] for config in facts["configs"]] == ["returns.parquet", "training.parquet"]
    assert all(f"| `{column}` |" in body for columns in export.PARTS.values() for column in columns)


def test_croissant_names_files_with_their_checksums_and_every_column(exported):
    found = json.loads((exported / "croissant.json").read_text(encoding="utf-8"))
    assert found["conformsTo"].endswith("croissant/1.0") and found["@type"] == "sc:Dataset"
    for file in found["distribution"]:
        content = (exported / file["contentUrl"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
    for sets in found["recordSet"]:
        table = pq.read_schema(exported / f"{sets['name']}.parquet")
        assert [field["name"] for field in sets["field"]] == table.names
        assert all(field["source"]["extract"]["column"] == field["name"] for field in sets["field"])
        assert all(field["description"] and field["dataType"].startswith("sc:") for field in sets["field"])


def test_the_same_records_give_the_same_bytes(exported, tmp_path):
    export.export(["robust"], tmp_path, lambda text: None)
    for path in exported.iterdir():
        assert (tmp_path / "robust" / path.name).read_bytes() == path.read_bytes()


def test_a_paper_without_records_and_a_place_that_cannot_be_written(tmp_path):
    with pytest.raises(UserError, match="no committed records"):
        export.export(["robust"], tmp_path / "out", root=tmp_path)
    with pytest.raises(UserError, match="there are no committed records"):
        export.export((), tmp_path / "out", root=tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write the export"):
        export.export(["robust"], tmp_path / "file")


def test_the_command(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(export, "export", lambda names, out: [out / "x"])
    assert main(["export", "robust", "--out", str(tmp_path)]) == 0
    assert main(["export", "nothing", "--out", str(tmp_path)]) == 0
