"""Ten lines from nothing to a prediction. Start a daemon first: `factord serve`."""

import factord

with factord.Client() as client:
    prediction = client.predict(0.5, 0.2, 0.3)
    print(f"{prediction.y} by generation {prediction.generation}")
