-- Puts a part into a list of channels, or another in its place.
-- KEYS  the list   all lists, by when they end
-- ARGV  1 the list   2 the number of the part   3 its names, with line feeds between them
--       4 how many they are   5 for how long the list is kept, in ms
--       6 how many channels it may have   7 how many bytes   8 how many lists there may be
-- Returns how many channels it has now; or -1, -2, -3: too many channels, bytes, lists.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local list, lists, part = KEYS[1], KEYS[2], ARGV[2]

redis.call('ZREMRANGEBYSCORE', lists, '-inf', now)
local isNew = not redis.call('ZSCORE', lists, ARGV[1])
if isNew and redis.call('ZCARD', lists) >= tonumber(ARGV[8]) then return -3 end

local before = redis.call('HMGET', list, 'channels', 'bytes', 'n' .. part, 'b' .. part)
local channels = (before[1] or 0) - (before[3] or 0) + ARGV[4]
local bytes = (before[2] or 0) - (before[4] or 0) + #ARGV[3]
if channels > tonumber(ARGV[6]) then return -1 end
if bytes > tonumber(ARGV[7]) then return -2 end

redis.call('HSET', list, 'channels', channels, 'bytes', bytes, 'p' .. part, ARGV[3],
  'n' .. part, ARGV[4], 'b' .. part, #ARGV[3])
redis.call('PEXPIRE', list, ARGV[5])
redis.call('ZADD', lists, now + ARGV[5], ARGV[1])
return channels
