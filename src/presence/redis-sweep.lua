-- Takes out some members of a lease that ended, and tells their leaves. Who takes one out tells it,
-- so it is told once, however many sweep.
-- KEYS  what the lease holds
-- ARGV  1 lease  2 what keys of its channels begin with  3 what their names on the bus begin with
--       4 PUBLISH or SPUBLISH  5 about how many
-- Returns how many are left. The keys of channels are made here: all are in the slot of KEYS[1].

local lease = ARGV[1]

local function sweep(place, held)
  local channel, client = string.match(place, '^(.-)%z(.*)$')
  local members = ARGV[2] .. 'p:' .. channel
  local known = redis.call('HGET', members, client)
  if not known or string.sub(known, 1, #lease) ~= lease then return end
  redis.call('HDEL', members, client)
  local users, user = ARGV[2] .. 'u:' .. channel, string.sub(held, 2)
  if redis.call('HINCRBY', users, user, -1) <= 0 then redis.call('HDEL', users, user) end
  if string.sub(held, 1, 1) == '1' then
    redis.call(ARGV[4], ARGV[3] .. 'c:' .. channel, '1l' .. string.sub(known, #lease + 1))
  end
end

local found = redis.call('HSCAN', KEYS[1], '0', 'COUNT', ARGV[5])[2]
for at = 1, #found, 2 do
  sweep(found[at], found[at + 1])
  redis.call('HDEL', KEYS[1], found[at])
end
return redis.call('HLEN', KEYS[1])
