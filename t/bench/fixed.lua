-- The same request again and again.
--
-- Arguments: threads, method, path, body, Authorization, milliseconds between
-- two of a connection.

require "result"

function init(args)
    local pause = tonumber(args[6] or 0)
    local headers = {["Content-Type"] = "application/json"}

    if (args[5] or "") ~= "" then
        headers["Authorization"] = args[5]
    end

    bytes = wrk.format(args[2], args[3], headers, args[4] or "")

    if pause > 0 then
        function delay()
            return pause
        end
    end
end

function request()
    return bytes
end

function done(summary, latency)
    result(summary, latency, 0)
end
