-- The top of a stream and publications of it, of one moment.
-- KEYS  the stream, its meta
-- ARGV  1 life of the process   2 a new epoch   3 how long, in ms, the stream is
--       remembered at least from now   4 top, after or before   5 an offset, or -1 for beyond all
--       6 how many, or -1 for all
-- Returns the epoch, the top, the epoch before and where this one continues it, and the
-- publications, each as the id of its entry, which is its offset and when it was published, and body.

local epoch, offset = standing(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[3]) then
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end

local function read()
  local kind, from, limit = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
  if kind == 'top' or limit == 0 then return {} end
  if limit < 0 then limit = 9007199254740991 end
  if kind == 'after' then
    return redis.call('XRANGE', KEYS[1], digits(from + 1), '+', 'COUNT', digits(limit))
  end
  local to = from < 0 and '+' or digits(from - 1)
  if to ~= '+' and from <= 1 then return {} end
  return redis.call('XREVRANGE', KEYS[1], to, '-', 'COUNT', digits(limit))
end

local former = redis.call('HMGET', KEYS[2], 'fe', 'fs')
local publications = {}
for _, entry in ipairs(read()) do
  publications[#publications + 1] = entry[1]
  publications[#publications + 1] = entry[2][2]
end
return {epoch, digits(offset), former[1] or '', former[2] or '0', publications}
