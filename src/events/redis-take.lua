-- Reads the first events that wait, for the one gateway that delivers them.
-- KEYS  8 the gateway that delivers
-- ARGV  6 gateway  7 for how long, in ms, it is the one; 0: it gives it up
--       8 how many events; 0: it only goes on being the one
--       9 the last id that was delivered by this gateway, '' if there is none
-- Returns 0 where another gateway delivers; or 1, how many events were dropped, how many wait, and
-- the id and the members of each.

local holder = redis.call('GET', KEYS[8])
if holder and holder ~= ARGV[6] then return {0} end
if ARGV[7] == '0' then
  redis.call('DEL', KEYS[8])
  return {0}
end
redis.call('SET', KEYS[8], ARGV[6], 'PX', ARGV[7])
if ARGV[8] == '0' then return {1, dropped, waiting} end

-- Who has delivered can tell whether the backend has heard what the server forgot. Where nobody
-- can, everything begins anew.
local delivered = tonumber(ARGV[9])
begin(delivered)
if found > 0 and not (delivered and delivered <= found) then reset('lost') end
found = 0

vacate(tonumber(ARGV[8]))
keep()

local reply = {1, dropped, waiting}
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', ARGV[8])) do
  reply[#reply + 1] = string.match(entry[1], '^%d+')
  reply[#reply + 1] = entry[2][2]
end
return reply
