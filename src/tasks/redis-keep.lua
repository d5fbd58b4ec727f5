-- Keeps how a task ended, unless that is known already, and forgets the oldest over the limit.
-- KEYS  the outcome   those that are kept, by when they end   the wish to cancel it
-- ARGV  1 the outcome   2 for how long, in ms   3 how many are kept   4 the id
--       5 what the key of an outcome begins with
-- Returns the outcome that stands, whether it is this one, and how many were forgotten early.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

redis.call('DEL', KEYS[3])
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  return {redis.call('GET', KEYS[1]), 0, 0}
end

redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local excess = redis.call('ZCARD', KEYS[2]) - ARGV[3]
local forgotten = 0
if excess > 0 then
  local oldest = redis.call('ZPOPMIN', KEYS[2], excess)
  for at = 1, #oldest, 2 do
    forgotten = forgotten + redis.call('DEL', ARGV[5] .. oldest[at])
  end
end
return {ARGV[1], 1, forgotten}
