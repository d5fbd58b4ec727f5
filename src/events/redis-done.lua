-- Takes out the events that were delivered, or given up.
-- KEYS  8 the gateway that delivers
-- ARGV  6 gateway  7 the last id of those  8 how many dropped ones the backend was told of
--       9 how many of those are dropped with it
-- Returns 0 where another gateway delivers by now, and nothing is done; else 1.

if redis.call('GET', KEYS[8]) ~= ARGV[6] then return 0 end
redis.call('XTRIM', KEYS[1], 'MINID', digits(tonumber(ARGV[7]) + 1) .. '-0')
waiting = redis.call('XLEN', KEYS[1])
dropped = math.max(0, dropped - tonumber(ARGV[8])) + tonumber(ARGV[9])
drain()
keep()
return 1
