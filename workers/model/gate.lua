-- See gate.py for what each of the things that a call can tell leads to. Keys: slots (by token, until when), limit, pause, circuit.
local slots, limits, pause, circuit = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local verb, token = ARGV[1], ARGV[2]
local lease, rest, start = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local raise_after, open_after = tonumber(ARGV[6]), tonumber(ARGV[7])
local tells, began, probing, reason = ARGV[8], tonumber(ARGV[9]), ARGV[10] == '1', ARGV[11]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local DAY = 86400

local function limit() return tonumber(redis.call('HGET', limits, 'limit') or start) end

-- Shut while it has an `until`. Once that has passed, one caller may try, and the others wait for what becomes of that.
local function shut_for(door)
  local opens = tonumber(redis.call('HGET', door, 'until') or '0')
  if opens == 0 then return nil end
  return math.max(opens - now, 0)
end

local function shut(door, ms)
  redis.call('HSET', door, 'until', now + ms)
  redis.call('EXPIRE', door, DAY)
end

local function put_off(ms)
  for _, door in ipairs({pause, circuit}) do
    if redis.call('HEXISTS', door, 'until') == 1 then shut(door, ms) end
  end
end

if verb == 'enter' then
  local paused, open = shut_for(pause), shut_for(circuit)
  if paused and paused > 0 then return {'paused', paused, redis.call('HGET', pause, 'reason') or ''} end
  if open and open > 0 then return {'open', open, redis.call('HGET', circuit, 'reason') or ''} end
  redis.call('ZREMRANGEBYSCORE', slots, '-inf', now)
  local probe = paused or open
  if not probe and redis.call('ZCARD', slots) >= limit() then return {'busy', 0, ''} end
  if probe then put_off(lease) end
  redis.call('ZADD', slots, now + lease, token)
  redis.call('EXPIRE', slots, DAY)
  return {probe and 'probe' or 'in', redis.call('HINCRBY', limits, 'calls', 1), ''}
end

if verb == 'keep' then
  redis.call('ZADD', slots, 'XX', now + lease, token)
  if probing then put_off(lease) end
  return {'kept', now, ''}
end

redis.call('ZREM', slots, token)
if tells == 'good' or tells == 'alive' or tells == 'slower' then redis.call('DEL', circuit) end
if tells == 'good' or tells == 'alive' then redis.call('DEL', pause) end
if tells == 'good' and redis.call('HINCRBY', limits, 'replies', 1) >= raise_after then
  redis.call('HSET', limits, 'limit', limit() + 1, 'replies', 0)
end
if tells == 'slower' or tells == 'slower_and_away' then
  -- Calls are numbered, so that those that began before the last cut are told from those after it.
  if began > tonumber(redis.call('HGET', limits, 'cut_at') or '0') then
    redis.call('HSET', limits, 'limit', math.max(1, math.floor(limit() / 2)), 'cut_at', redis.call('HGET', limits, 'calls') or 0)
  end
  redis.call('HSET', limits, 'replies', 0)
end
if tells == 'away' or tells == 'slower_and_away' then
  redis.call('HSET', circuit, 'reason', reason)
  redis.call('EXPIRE', circuit, DAY)
  if redis.call('HINCRBY', circuit, 'failures', 1) >= open_after then shut(circuit, rest) end
end
if tells == 'paused' then
  redis.call('HSET', pause, 'reason', reason)
  shut(pause, rest)
end
if probing and tells == 'left' then put_off(0) end
redis.call('EXPIRE', limits, DAY)
return {'left', now, ''}
