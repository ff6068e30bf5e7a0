-- GET requests with one of a number of keys in the query string.
--
-- Arguments: threads, path, keys.

require "thread"

function init(args)
    local keys = tonumber(args[3])

    requests = {}
    n = 0

    for i = 1, keys do
        requests[i] = wrk.format("GET", args[2] .. "?k=" .. (i * 7919 % keys))
    end

    prepared(args)
end

function request()
    start()
    n = n + 1
    return requests[(n - 1) % #requests + 1]
end

function done(summary, latency)
    result(summary, latency, 0)
end
