-- Renews a lease, or lets it go, and ends those that were not renewed in time. A lease that ended
-- never begins again: whoever held it takes another.
-- KEYS  leases by their last renewal, those to be swept, the mark that this one was ended by others
-- ARGV  1 lease  2 renew or end  3 after how many ms a lease has ended
--       4 what marks of others begin with  5 for how long, in ms, a mark is kept
--       6 after how many ms without any renewal it is not the gateways that were away, but Redis
-- Returns 0 when the lease went on, 1 when it is new here, 2 when it was ended by others; and the
-- leases to be swept.

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function finish(lease)
  redis.call('ZREM', KEYS[1], lease)
  redis.call('SADD', KEYS[2], lease)
end

-- While nobody could renew, or the data lay in a file, no lease can have run out: all begin anew.
local newest = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if newest[2] and now - tonumber(newest[2]) > tonumber(ARGV[6]) then
  for _, lease in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    redis.call('ZADD', KEYS[1], now, lease)
  end
end

for _, lease in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[3]))) do
  finish(lease)
  redis.call('SET', ARGV[4] .. lease, '1', 'PX', ARGV[5])
end

local state = 0
if ARGV[2] == 'end' then
  finish(ARGV[1])
elseif redis.call('EXISTS', KEYS[3]) == 1 then
  state = 2
elseif redis.call('ZADD', KEYS[1], now, ARGV[1]) == 1 then
  state = 1
end
return {state, redis.call('SMEMBERS', KEYS[2])}
