-- Sends the requests of a file, each once: a thread takes every nth of them.
-- Lines are "signature<TAB>body"; what was sent and what came back is counted.

local threads = {}

function setup(thread)
    thread:set("number", #threads)
    table.insert(threads, thread)
end

function init(args)
    local count = tonumber(args[2])
    local path = args[3]
    local n = 0

    requests = {}
    sent = 0
    repeated = 0

    for line in io.lines(args[1]) do
        if n % count == number then
            local tab = line:find("\t", 1, true)

            requests[#requests + 1] = wrk.format("POST", path, {
                ["Content-Type"] = "application/json",
                ["X-Tavus-Signature"] = line:sub(1, tab - 1),
            }, line:sub(tab + 1))
        end
        n = n + 1
    end
end

function request()
    sent = sent + 1

    if sent > #requests then
        repeated = repeated + 1
    end

    return requests[(sent - 1) % #requests + 1]
end

function done(summary, latency)
    local again = 0

    for _, thread in ipairs(threads) do
        again = again + thread:get("repeated")
    end

    io.write(string.format(
        "RESULT rps=%.1f p50=%.3f p99=%.3f errors=%d repeated=%d\n",
        summary.requests / summary.duration * 1e6,
        latency:percentile(50) / 1000, latency:percentile(99) / 1000,
        summary.errors.status + summary.errors.connect + summary.errors.read
        + summary.errors.write + summary.errors.timeout, again))
end
