-- Posts one prediction at a time and prints what wrk counted as one JSON object.

wrk.method = "POST"
wrk.body = '{"features": [0.5, 0.2, 0.3]}'
wrk.headers["Content-Type"] = "application/json"

function done(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format(
    '{"p50_us": %d, "p99_us": %d, "requests": %d, "duration_us": %d, "failed": %d}\n',
    latency:percentile(50), latency:percentile(99), summary.requests, summary.duration, failed
  ))
end
