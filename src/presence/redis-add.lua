-- Makes a client a member of a channel; idempotent.
-- KEYS  members of the channel, its users, what the lease holds
-- ARGV  1 client  2 user  3 lease  4 who it is  5 channel and client  6 what becomes of its join:
--         silent  nobody is told now
--         told    it was told before
--         tell    it is told, unless it was told under this lease
--         again   it is told if others took the member out, for they told its leave
--       7 where joins are told  8 PUBLISH or SPUBLISH
-- What the lease holds begins with 1 where the join was told: then the leave is to be told, too.

local known = redis.call('HGET', KEYS[1], ARGV[1])
local held = redis.call('HGET', KEYS[3], ARGV[5])
local told = held and string.sub(held, 1, 1) == '1'
local join = ARGV[6]

if not known then redis.call('HINCRBY', KEYS[2], ARGV[2], 1) end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3] .. ARGV[4])
redis.call('HSET', KEYS[3], ARGV[5], ((told or join ~= 'silent') and '1' or '0') .. ARGV[2])
if (join == 'tell' and not told) or (join == 'again' and not known) then
  redis.call(ARGV[8], ARGV[7], '1j' .. ARGV[4])
end
return known and 0 or 1
