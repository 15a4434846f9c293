-- What wrk sends. The harness passes the kind of load, the bodies, and the numbers; people.rs
-- makes the same bodies of a number. Every request of a kind is one template with fixed-width
-- placeholders for numbers, so a request costs one string.format.

local threads = 0

-- Before the run, once for each thread.
function setup(thread)
    thread:set("thread_number", threads)
    threads = threads + 1
end

local function scatter(number)
    local spread = (number * 7654321 + 12345) % 1000000000
    local turned = (spread % 1000) * 1000000 + math.floor(spread / 1000)
    return turned * 7654321 % 1000000000
end

local function template(body, placeholders)
    local head = "POST /client/profiles/?company_id=H%05d HTTP/1.1\r\n"
        .. "Host: 127.0.0.1\r\n"
        .. "Content-Type: application/json\r\n"
        .. "Accept: application/json\r\n"
        .. "Revision: 2026-01-15\r\n"
        .. "User-Agent: Shop/2.4.1 (com.example.shop; build:77; Android 34) harness\r\n"
        .. "Content-Length: "
    local length = #string.format(body, unpack(placeholders))
    return head .. length .. "\r\n\r\n" .. body
end

local customer, sign_up, identifiers, stored, companies, stride, next_new, next_visitor

local function new()
    local number = next_new
    next_new = number + stride
    local id = scatter(number)
    return string.format(customer, number % companies, id, id, 1000000)
end

-- The last tenth of the people is never updated.
local function update()
    local id = scatter(math.random(0, math.floor(stored * 0.9) - 1))
    return string.format(customer, 0, id, id, math.random(1000001, 9999999))
end

-- Sends exactly what is stored of that tenth.
local function same()
    local id = scatter(math.random(math.floor(stored * 0.9), stored - 1))
    return string.format(customer, 0, id, id, 1000000)
end

-- Names anyone who is stored.
local function page_view()
    local id = scatter(math.random(0, stored - 1))
    return string.format(identifiers, 0, id, id)
end

local function hot()
    local id = scatter(0)
    return string.format(customer, 0, id, id, math.random(1000001, 9999999))
end

local function merge()
    local visitor = next_visitor
    next_visitor = visitor + stride
    local id = scatter(math.random(0, math.floor(stored * 0.9) - 1))
    return string.format(sign_up, 0, id, scatter(visitor))
end

local function mix()
    local percent = math.random(1, 100)
    if percent <= 80 then return update() end
    if percent <= 95 then return new() end
    return merge()
end

local function new_and_update()
    if math.random(1, 2) == 1 then return update() end
    return new()
end

local kinds = {
    new = new, update = update, same = same, page_view = page_view, hot = hot, mix = mix,
    new_and_update = new_and_update,
}

-- In each thread, before it sends anything.
function init(arguments)
    customer = template(arguments[2], { 0, 0, 1000000 })
    sign_up = template(arguments[3], { 0, 0 })
    identifiers = template(arguments[4], { 0, 0 })
    stored = tonumber(arguments[5])
    companies = tonumber(arguments[6])
    stride = tonumber(arguments[7])
    next_new = tonumber(arguments[8]) + thread_number
    next_visitor = tonumber(arguments[9]) + thread_number
    math.randomseed(tonumber(arguments[8]) + thread_number)
    request = kinds[arguments[1]]
end

-- After the run, once. Times are in microseconds.
function done(summary, latency)
    io.write(string.format(
        "harness requests=%d micros=%d p50=%d p99=%d p999=%d longest=%d refused=%d broken=%d\n",
        summary.requests, summary.duration,
        latency:percentile(50), latency:percentile(99), latency:percentile(99.9), latency.max,
        summary.errors.status,
        summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
