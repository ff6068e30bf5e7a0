-- What the scripts share: a common start, a pause, and what Bench.pm reads.
--
-- wrk starts a thread while the next one still prepares, and its clock when
-- all run.  Who is prepared waits for the last, whose file WRK_READY names.

local ready = os.getenv("WRK_READY")
local calls = 0

threads = {}

function setup(thread)
    thread:set("number", #threads)
    table.insert(threads, thread)
end

-- At the end of init(): args[1] is how many threads there are, and pause how
-- many milliseconds a connection waits between two requests.
function prepared(args, pause)
    pause = tonumber(pause or 0)

    -- wrk asks for it if it is there
    if pause > 0 then
        function delay()
            return pause
        end
    end

    if number == args[1] - 1 then
        assert(io.open(ready, "w")):close()
    end
end

-- At the start of request().
function start()
    if calls > 1 then
        return
    end

    calls = calls + 1

    -- the first call of the first thread is wrk's own, before there are threads

    if calls == 1 and number == 0 then
        return
    end

    calls = 2

    while true do
        local file = io.open(ready)

        if file then
            file:close()
            return
        end
        os.execute("sleep 0.01")
    end
end

function result(summary, latency, repeated)
    io.write(string.format(
        "RESULT requests=%d rps=%.1f p50=%.3f p99=%.3f errors=%d "
        .. "repeated=%d\n",
        summary.requests, summary.requests / summary.duration * 1e6,
        latency:percentile(50) / 1000, latency:percentile(99) / 1000,
        summary.errors.status + summary.errors.connect + summary.errors.read
        + summary.errors.write + summary.errors.timeout, repeated))
end
