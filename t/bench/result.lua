-- What Bench.pm reads.

function result(summary, latency, repeated)
    io.write(string.format(
        "RESULT rps=%.1f p50=%.3f p99=%.3f errors=%d repeated=%d\n",
        summary.requests / summary.duration * 1e6,
        latency:percentile(50) / 1000, latency:percentile(99) / 1000,
        summary.errors.status + summary.errors.connect + summary.errors.read
        + summary.errors.write + summary.errors.timeout, repeated))
end
