-- The same request again and again.
--
-- Arguments: threads, method, path, body, Authorization, milliseconds between
-- two of a connection.

require "thread"

function init(args)
    local headers = {["Content-Type"] = "application/json"}

    if (args[5] or "") ~= "" then
        headers["Authorization"] = args[5]
    end

    bytes = wrk.format(args[2], args[3], headers, args[4] or "")

    prepared(args, args[6])
end

function request()
    start()
    return bytes
end

function done(summary, latency)
    result(summary, latency, 0)
end
