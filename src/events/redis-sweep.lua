-- Tells the end of some of the connections of a lease: first of their subscriptions, then of
-- themselves. Who takes one out tells of it, so it is told once, however many sweep.
-- ARGV  6 lease  7 the close code  8 its reason, as JSON  9 about how many
--       10 whether the lease has ended, 1 or 0  11 where to go on, 0 at first
-- Returns how many are left, and where to go on: what was taken out leaves holes behind, and to walk
-- through them each time from the beginning would have no end.

local lease, code, reason, step, cursor = ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[11]
local gateway = string.match(redis.call('HGET', KEYS[3], lease) or '0 ""', '^%d+ (.*)$')

if not full and waiting >= waitMax then
  drop(redis.call('SCARD', KEYS[7]) + redis.call('HLEN', KEYS[6]))
  fill()
end

local function membersOf(type, client, told, rest)
  return '"type":"' .. type .. '","time":' .. digits(nowMs) .. ',"gateway":' .. gateway ..
    ',"client":' .. cjson.encode(client) .. ',"user":' .. (told and told.user or '""') .. rest
end

local function sweepSubscriptions()
  local found = redis.call('SSCAN', KEYS[7], cursor, 'COUNT', step)
  for _, place in ipairs(found[2]) do
    local channel, client = string.match(place, '^(.-)%z(.*)$')
    local told = known(client)
    local rest = ',"channel":' .. cjson.encode(channel) .. ',"code":1,"reason":"disconnect called"'
    unsubscribe(client, told, channel, membersOf('unsubscribed', client, told, rest))
  end
  return found[1]
end

local function sweepClients()
  local found = redis.call('HSCAN', KEYS[6], cursor, 'COUNT', step)
  for at = 1, #found[2], 2 do
    local client = found[2][at]
    local told = known(client)
    local rest = ',"code":' .. code .. ',"reason":' .. reason
    disconnect(client, told, nowMs, membersOf('disconnected', client, told, rest))
  end
  return found[1]
end

local hasSubscriptions = redis.call('SCARD', KEYS[7]) > 0
local onwards = hasSubscriptions and sweepSubscriptions() or sweepClients()
local left = redis.call('SCARD', KEYS[7]) + redis.call('HLEN', KEYS[6])
if left == 0 and ARGV[10] == '1' then redis.call('HDEL', KEYS[3], lease) end
keep()
return {left, onwards}
