-- KEYS  two keys. Returns how many of them there are.
return redis.call('EXISTS', KEYS[1], KEYS[2])
