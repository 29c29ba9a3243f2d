"""The HTTP rival: a Flask service with the sidecar's routes, over two scikit-learn models.

It is run under gunicorn, which imports `app`. The models come from `make_models.py`, by way of
the folder that MODEL_DIR names. It logs one JSON object a prediction, as such a service does.
"""

import json
import logging
import os
import pickle
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from flask import Flask, Response, jsonify, request

FEATURES = ["S_LI_INITIATIVEBUYRATE", "S_LI_LARGEBUYRATE", "S_LI_LARGESELLRATE"]
TARGET = "S_LI_INITIATIVESELLRATE"
EXPECTED = 'Missing features. Expected: {"features": [buy_rate, large_buy, large_sell]}'
# The file of each model, in a folder that `make_models.py` has written a moment ago.
MODELS = {
    kind: pickle.loads((Path(os.environ["MODEL_DIR"]) / f"{kind}.pickle").read_bytes())
    for kind in ("regression", "classification")
}

logger = logging.getLogger("flask_service")
logger.setLevel(os.environ.get("LOG_LEVEL", "INFO"))
logger.addHandler(logging.StreamHandler(sys.stderr))
app = Flask(__name__)


def now():
    """The time as replies carry it."""
    return datetime.now(timezone.utc).isoformat()


def log(message, level=logging.INFO, **fields):
    """Writes one JSON object a line."""
    if logger.isEnabledFor(level):
        entry = {"timestamp": now(), "level": logging.getLevelName(level), "message": message}
        logger.log(level, json.dumps(entry | fields))


def refuse(message, status=400):
    """An error reply."""
    return jsonify(error=message), status


def parse(body):
    """The features of a body, or a sentence that says what is wrong with it."""
    if not isinstance(body, dict) or "features" not in body:
        return None, EXPECTED
    features = body["features"]
    if not isinstance(features, list) or len(features) != len(FEATURES):
        count = len(features) if isinstance(features, list) else 0
        return None, f"Expected {len(FEATURES)} features, got {count}"
    for index, value in enumerate(features):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return None, f"Feature {index} is not numeric: {value}"
    return [float(value) for value in features], None


def predict(kind, features):
    """The reply to one triple."""
    if any(not 0.0 <= value <= 1.0 for value in features):
        log("feature outside [0, 1]", logging.WARNING, features=features)
    model = MODELS[kind]
    row = np.array([features])
    reply = {
        "model_type": kind,
        "feature_names": FEATURES,
        "input_features": features,
        "timestamp": now(),
    }
    if kind == "regression":
        y = float(model.predict(row)[0])
        reply |= {"prediction": y, "confidence": "high" if 0.3 <= y <= 0.7 else "medium"}
    else:
        label = int(model.predict(row)[0])
        probability = float(model.predict_proba(row)[0, 1])
        reply |= {
            "prediction": label,
            "probability": probability,
            "threshold": 0.5243,
            "interpretation": "High sell rate" if label else "Low sell rate",
            "confidence": "high" if abs(probability - 0.5) > 0.3 else "medium",
        }
    return reply


@app.get("/health")
def health():
    return jsonify(
        status="healthy",
        models_loaded=len(MODELS),
        timestamp=now(),
        service="flask rival",
        version="1",
    )


@app.get("/info")
def info():
    return jsonify(
        service={
            "service_name": "flask rival",
            "version": "1",
            "features": FEATURES,
            "target": TARGET,
        },
        regression_model={"type": type(MODELS["regression"]).__name__},
        classification_model={"type": type(MODELS["classification"]).__name__},
        api_endpoints=sorted(str(rule) for rule in app.url_map.iter_rules()),
    )


@app.post("/predict/<any(regression, classification):kind>")
def predict_body(kind):
    start = time.perf_counter()
    features, wrong = parse(request.get_json(silent=True))
    if wrong:
        return refuse(wrong)
    reply = predict(kind, features)
    reply["latency_ms"] = (time.perf_counter() - start) * 1000
    log(
        "prediction",
        prediction=reply["prediction"],
        latency_ms=reply["latency_ms"],
        features=features,
    )
    return jsonify(reply)


@app.get("/predict/<any(regression, classification):kind>/<a>/<b>/<c>")
def predict_path(kind, a, b, c):
    try:
        features = [float(a), float(b), float(c)]
    except ValueError:
        return refuse("not numeric")
    return jsonify(predict(kind, features))


@app.post("/predict/batch")
def predict_batch():
    start = time.perf_counter()
    body = request.get_json(silent=True) or {}
    kind, rows = body.get("model"), body.get("features")
    if kind not in MODELS or not rows:
        return refuse(EXPECTED)
    reply = {"model_type": kind, "count": len(rows)}
    table = np.array(rows)
    reply["predictions"] = MODELS[kind].predict(table).tolist()
    if kind == "classification":
        reply["probabilities"] = MODELS[kind].predict_proba(table)[:, 1].tolist()
    reply["latency_ms"] = (time.perf_counter() - start) * 1000
    return jsonify(reply)


@app.get("/plot/model_comparison")
def plot():
    rates = np.linspace(0.3, 0.7, 41)
    table = np.column_stack([rates, np.full(41, 0.2), np.full(41, 0.3)])
    sell = MODELS["regression"].predict(table)
    high = MODELS["classification"].predict_proba(table)[:, 1]
    rows = "".join(
        f"<tr><td>{x:.2f}</td><td>{y:.4f}</td><td>{p:.4f}</td></tr>"
        for x, y, p in zip(rates, sell, high)
    )
    return Response(f"<table>{rows}</table>", mimetype="text/html")
