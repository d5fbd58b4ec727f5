-- Makes a client a member of a channel; idempotent.
-- KEYS  members of the channel, its users, what the lease holds
-- ARGV  1 client  2 user  3 lease  4 who it is  5 channel and client  6 whether leaves are told: 1 or 0
--       7 where a join is to be told, '' for nowhere  8 PUBLISH or SPUBLISH

local known = redis.call('HGET', KEYS[1], ARGV[1])
if not known then redis.call('HINCRBY', KEYS[2], ARGV[2], 1) end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3] .. ARGV[4])
redis.call('HSET', KEYS[3], ARGV[5], ARGV[6] .. ARGV[2])
if not known and ARGV[7] ~= '' then redis.call(ARGV[8], ARGV[7], '1j' .. ARGV[4]) end
return known and 0 or 1
