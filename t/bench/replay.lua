-- Sends the requests of a file, each once: a thread takes every nth of them.
-- Lines are "proof<TAB>body" or, where bodies are long, "proof<TAB>start<TAB>n":
-- n times x, then '"}}' is the rest.  It is added when a request is sent, as wrk
-- is slower the more it holds.  A proof is a signature, or "?" and arguments.
--
-- Arguments: threads, file, path, milliseconds between two of a connection.

require "thread"

function init(args)
    local count = tonumber(args[1])
    local n = 0

    requests = {}
    rest = nil
    sent = 0
    repeated = 0

    for line in io.lines(args[2]) do
        if n % count == number then
            local proof, body, x = line:match("^([^\t]+)\t([^\t]+)\t?(%d*)")

            if x ~= "" and not rest then
                rest = ("x"):rep(tonumber(x)) .. '"}}'
            end

            local headers = {["Content-Type"] = "application/json"}
            local path = args[3]

            if proof:sub(1, 1) == "?" then
                path = path .. proof
            else
                headers["X-Tavus-Signature"] = proof
            end

            local whole = wrk.format("POST", path, headers,
                body .. (rest or ""))

            requests[#requests + 1] = rest and whole:sub(1, -#rest - 1) or whole
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

    local bytes = requests[(sent - 1) % #requests + 1]

    return rest and bytes .. rest or bytes
end

function done(summary, latency)
    local again = 0

    for _, thread in ipairs(threads) do
        again = again + thread:get("repeated")
    end

    result(summary, latency, again)
end
