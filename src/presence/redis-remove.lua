-- Takes a client out of a channel, where the lease still holds it; idempotent. If its join was told,
-- its leave is told in the same step.
-- KEYS  members of the channel, its users, what the lease holds
-- ARGV  1 client  2 user  3 lease  4 channel and client  5 where leaves are told  6 PUBLISH or SPUBLISH
-- Returns 0 where the lease does not hold it.

local held = redis.call('HGET', KEYS[3], ARGV[4])
redis.call('HDEL', KEYS[3], ARGV[4])
local known = redis.call('HGET', KEYS[1], ARGV[1])
if not known or string.sub(known, 1, #ARGV[3]) ~= ARGV[3] then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
if redis.call('HINCRBY', KEYS[2], ARGV[2], -1) <= 0 then redis.call('HDEL', KEYS[2], ARGV[2]) end
if held and string.sub(held, 1, 1) == '1' then
  redis.call(ARGV[6], ARGV[5], '1l' .. string.sub(known, #ARGV[3] + 1))
end
return 1
