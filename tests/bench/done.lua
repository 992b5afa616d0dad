-- Says exactly what wrk counted, as one line of JSON; wrk's own report is rounded. Defines no function that runs per request.
done = function(summary, latency)
  local errors = summary.errors
  io.stdout:write(string.format(
    '\nBENCH {"requests": %d, "bytes": %d, "duration_us": %d, "p50_us": %d, "p99_us": %d, "connect": %d, "read": %d, "write": %d, "status": %d, "timeout": %d}\n',
    summary.requests, summary.bytes, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
