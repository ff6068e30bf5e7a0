-- GET requests with one of a number of keys in the query string.

function init(args)
    local keys = tonumber(args[2])

    requests = {}
    n = 0

    for i = 1, keys do
        requests[i] = wrk.format("GET", args[1] .. "?k=" .. (i * 7919 % keys))
    end
end

function request()
    n = n + 1
    return requests[(n - 1) % #requests + 1]
end

function done(summary, latency)
    io.write(string.format(
        "RESULT rps=%.1f p50=%.3f p99=%.3f errors=%d repeated=0\n",
        summary.requests / summary.duration * 1e6,
        latency:percentile(50) / 1000, latency:percentile(99) / 1000,
        summary.errors.status + summary.errors.connect + summary.errors.read
        + summary.errors.write + summary.errors.timeout))
end
