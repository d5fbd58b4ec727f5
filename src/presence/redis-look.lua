-- The members of a channel, and how many clients and users there are, of one moment.
-- KEYS  members of the channel, its users
-- ARGV  1 how many members there may be in the answer; over it there are none

local clients = redis.call('HLEN', KEYS[1])
local members = {}
if clients <= tonumber(ARGV[1]) then members = redis.call('HVALS', KEYS[1]) end
return {clients, redis.call('HLEN', KEYS[2]), members}
