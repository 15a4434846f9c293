-- What wrk sends. The harness hands over who is sent, how often, and the texts;
-- people.rs makes the same of a number. Every request of a kind is one text with
-- places for numbers of fixed width, so a request costs one string.format.

local threads = 0

-- Before the run, once for each thread.
function setup(thread)
    thread:set("turn", threads)
    threads = threads + 1
end

local function scatter(number)
    local spread = (number * 7654321 + 12345) % 1000000000
    local turned = (spread % 1000) * 1000000 + math.floor(spread / 1000)
    return turned * 7654321 % 1000000000
end

local function text_of(body, places)
    local head = "POST /client/profiles/?company_id=H%05d HTTP/1.1\r\n"
        .. "Host: 127.0.0.1\r\n"
        .. "Content-Type: application/json\r\n"
        .. "Accept: application/json\r\n"
        .. "Revision: 2026-01-15\r\n"
        .. "User-Agent: Shop/2.4.1 (com.example.shop; build:77; Android 34) harness\r\n"
        .. "Content-Length: "
    local length = #string.format(body, unpack(places))
    return head .. length .. "\r\n\r\n" .. body
end

local customer, sign_up, known, companies, stride, next_new, next_visitor

local function new()
    local number = next_new
    next_new = number + stride
    local who = scatter(number)
    return string.format(customer, number % companies, who, who, 1000000)
end

-- The last tenth of the people is left as it is.
local function update()
    local number = math.random(0, math.floor(known * 0.9) - 1)
    local who = scatter(number)
    return string.format(customer, 0, who, who, math.random(1000001, 9999999))
end

-- Says of that tenth what is known.
local function same()
    local who = scatter(math.random(math.floor(known * 0.9), known - 1))
    return string.format(customer, 0, who, who, 1000000)
end

local function hot()
    local who = scatter(0)
    return string.format(customer, 0, who, who, math.random(1000001, 9999999))
end

local function merge()
    local visitor = next_visitor
    next_visitor = visitor + stride
    local who = scatter(math.random(0, math.floor(known * 0.9) - 1))
    return string.format(sign_up, 0, who, scatter(visitor))
end

local function mix()
    local chance = math.random(1, 100)
    if chance <= 80 then return update() end
    if chance <= 95 then return new() end
    return merge()
end

local kinds = { new = new, update = update, same = same, hot = hot, mix = mix }

-- In each thread, before it sends anything.
function init(arguments)
    customer = text_of(arguments[2], { 0, 0, 1000000 })
    sign_up = text_of(arguments[3], { 0, 0 })
    known = tonumber(arguments[4])
    companies = tonumber(arguments[5])
    stride = tonumber(arguments[6])
    next_new = tonumber(arguments[7]) + turn
    next_visitor = tonumber(arguments[8]) + turn
    math.randomseed(tonumber(arguments[7]) + turn)
    request = kinds[arguments[1]]
end

-- After the run, once. Times are in microseconds.
function done(summary, latency)
    io.write(string.format(
        "harness requests=%d micros=%d p50=%d p99=%d p999=%d refused=%d broken=%d\n",
        summary.requests, summary.duration,
        latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
        summary.errors.status,
        summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
