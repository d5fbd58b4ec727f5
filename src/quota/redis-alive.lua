-- How many listen to a name on the bus.
-- KEYS  the name
-- ARGV  1 NUMSUB or SHARDNUMSUB

return redis.call('PUBSUB', ARGV[1], KEYS[1])[2]
