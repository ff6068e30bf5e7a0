-- Sends the requests of a file, each once: a thread takes every nth of them.
-- Lines are "signature<TAB>body".
--
-- Arguments: threads, file, path, milliseconds between two of a connection.

require "thread"

function init(args)
    local count = tonumber(args[1])
    local n = 0

    requests = {}
    sent = 0
    repeated = 0

    for line in io.lines(args[2]) do
        if n % count == number then
            local tab = line:find("\t", 1, true)

            requests[#requests + 1] = wrk.format("POST", args[3], {
                ["Content-Type"] = "application/json",
                ["X-Tavus-Signature"] = line:sub(1, tab - 1),
            }, line:sub(tab + 1))
        end
        n = n + 1
    end

    prepared(args, args[4])
end

function request()
    start()
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

    result(summary, latency, again)
end
