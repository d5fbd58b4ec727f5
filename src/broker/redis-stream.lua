-- Where a stream stands, and in which life. The meta hash holds
--   e  the epoch                s  the last offset
--   l  the life of the server that wrote it last
--   fe, fs  the epoch before, and the offset up to which this one continues it
--   v, ve   the last version, and what it is a version of

-- A server that was started again, or took over from another, may have lost the newest of what was
-- told to readers. So the stream goes on under another epoch, and remembers the one before with
-- the offset it was found at: who was not beyond that has lost nothing.

local function standing(stream, meta, life, newEpoch)
  local known = redis.call('HMGET', meta, 'e', 's', 'l')
  if not known[1] then
    -- The publications of a stream that was forgotten belong to another epoch.
    redis.call('DEL', stream)
    redis.call('HSET', meta, 'e', newEpoch, 's', '0', 'l', life)
    return newEpoch, 0
  end
  local offset = tonumber(known[2])
  if known[3] ~= life then
    redis.call('HSET', meta, 'e', newEpoch, 'l', life, 'fe', known[1], 'fs', known[2])
    return newEpoch, offset
  end
  return known[1], offset
end

local function digits(number)
  return string.format('%.0f', number)
end
