-- Takes a place for a connection of a user, if there is one, or gives it back; idempotent. It is one
-- script, so that Redis knows how to give back what it knew how to take: a script that it has to be
-- told anew is overtaken by those after it.
-- KEYS  the user's places by client, what the lease holds
-- ARGV  1 take or release  2 client  3 lease  4 user and client  5 how many places there are
-- Returns nothing when it is done, else the leases that hold the places.

local function holders()
  local known, leases = {}, {}
  for _, lease in ipairs(redis.call('HVALS', KEYS[1])) do
    if not known[lease] then table.insert(leases, lease) end
    known[lease] = true
  end
  return leases
end

local holder = redis.call('HGET', KEYS[1], ARGV[2])
if ARGV[1] == 'release' then
  redis.call('SREM', KEYS[2], ARGV[4])
  if holder == ARGV[3] then redis.call('HDEL', KEYS[1], ARGV[2]) end
  return {}
end
if not holder and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[5]) then return holders() end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
redis.call('SADD', KEYS[2], ARGV[4])
return {}
