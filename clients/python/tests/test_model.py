"""Models offline: the daemon's own answers."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest

import factord
from conftest import PROJECT, Engine

SECONDS = 60.0


def test_an_artifact_tells_what_it_is(models: Path) -> None:
    model = factord.Model.load(models / "classification.fmodel")
    assert (model.name, model.kind, model.width) == ("classification", "logistic", 3)
    assert model.feature_names[0] == "S_LI_INITIATIVEBUYRATE"
    assert model.sha256[:8] in repr(model)
    assert model.fingerprint == int.from_bytes(bytes.fromhex(model.sha256)[:8], "little")


def test_a_model_offline_has_the_bits_of_the_daemon(engine: Engine, models: Path) -> None:
    random = np.random.default_rng(13)
    rows = np.concatenate(
        [
            random.random((100_000, 3)),
            random.normal(scale=1e3, size=(10_000, 3)),
            random.integers(0, 2**63, size=(10_003, 3)).astype(np.uint64).view(np.float64),
        ]
    )
    rows[::1000, 1] = np.inf
    rows[::1001, 2] = np.nan
    with factord.Client(engine.socket) as client:
        for name in ("regression", "classification"):
            offline = factord.Model.load(models / f"{name}.fmodel").predict(rows)
            ring = client.predict_many(rows, name, SECONDS)
            assert np.array_equal(offline.status, ring.status)
            assert offline.y[offline.ok].tobytes() == ring.y[ring.ok].tobytes()
            assert offline.second[offline.ok].tobytes() == ring.second[ring.ok].tobytes()
            assert np.array_equal(offline.fingerprint, ring.fingerprint)
            assert not offline.fingerprint[~offline.ok].any()
            assert np.isnan(offline.y[~offline.ok]).all()
            assert 200 < (~offline.ok).sum() < 10_000


def test_what_is_no_artifact_is_refused(tmp_path: Path, models: Path) -> None:
    with pytest.raises(FileNotFoundError):
        factord.Model.load(tmp_path / "none.fmodel")
    with pytest.raises((IsADirectoryError, factord.ArtifactError)):
        factord.Model.load(tmp_path)
    broken = bytearray((models / "regression.fmodel").read_bytes())
    broken[len(broken) // 2] ^= 1
    path = tmp_path / "broken.fmodel"
    path.write_bytes(broken)
    with pytest.raises(factord.ArtifactError, match=r"broken\.fmodel"):
        factord.Model.load(path)


def test_rows_are_found_by_the_models_own_feature_names(models: Path) -> None:
    pandas = pytest.importorskip("pandas")
    model = factord.Model.load(models / "regression.fmodel")
    rows = np.random.default_rng(17).random((100, 3))
    frame = pandas.DataFrame(rows, columns=model.feature_names)[model.feature_names[::-1]]
    assert model.predict(frame).y.tobytes() == model.predict(rows).y.tobytes()


def test_the_replaced_services_golden_rows_are_answered_as_recorded(
    engine: Engine, models: Path
) -> None:
    shared = Path(os.environ.get("FACTORD_SHARED", PROJECT.parent / "shared"))
    path = shared / "jay" / "golden.csv"
    if not path.exists():
        assert os.environ.get("CI") != "true", f"{path} is missing"
        pytest.skip(f"{path} is missing")
    with path.open(newline="") as file:
        records = list(csv.DictReader(file))
    rows = np.array([[float(value) for value in list(record.values())[:3]] for record in records])
    recorded = {
        "regression": np.array([float(record["regression"]) for record in records]),
        "classification": np.array([float(record["probability"]) for record in records]),
    }
    classes = np.array([float(record["class"]) for record in records])
    assert len(rows) > 100
    with factord.Client(engine.socket) as client:
        for name, expected in recorded.items():
            ring = client.predict_many(rows, name, SECONDS)
            offline = factord.Model.load(models / f"{name}.fmodel").predict(rows)
            assert ring.y.tobytes() == offline.y.tobytes()
            np.testing.assert_allclose(ring.y, expected, rtol=1e-12, atol=0)
            if name == "classification":
                assert np.array_equal(ring.second, classes)
