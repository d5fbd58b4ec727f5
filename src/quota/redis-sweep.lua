-- Gives back some places of a lease that ended.
-- KEYS  what the lease holds
-- ARGV  1 lease  2 what keys of its users begin with  3 how many
-- Returns how many are left. The keys of users are made here: all are in the slot of KEYS[1].

for _, place in ipairs(redis.call('SPOP', KEYS[1], ARGV[3])) do
  local user, client = string.match(place, '^(.*)%z(.-)$')
  local places = ARGV[2] .. 'q:' .. user
  if redis.call('HGET', places, client) == ARGV[1] then redis.call('HDEL', places, client) end
end
return redis.call('SCARD', KEYS[1])
