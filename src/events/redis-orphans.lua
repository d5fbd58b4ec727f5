-- Finds leases whose connections nobody will tell gone: they were swept by gateways that tell nobody
-- of anything, because they were started before this was asked for, or after.
-- KEYS  8 the leases that have not ended  9 those that are to be swept

local orphans = {}
for _, lease in ipairs(redis.call('HKEYS', KEYS[3])) do
  local isHeld = redis.call('ZSCORE', KEYS[8], lease) or redis.call('SISMEMBER', KEYS[9], lease) == 1
  if not isHeld then orphans[#orphans + 1] = lease end
end
return orphans
