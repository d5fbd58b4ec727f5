-- Gives publications of one channel their offsets, keeps them and sends them, as one step.
-- KEYS  the stream, its meta, then a key for each idempotency key
-- ARGV  1 channel of the bus   2 PUBLISH or SPUBLISH   3 life of the process
--       4 a new epoch   5 how many are kept, 0: none   6 for how long, in ms
--       7 how long the stream is remembered   8 how long an idempotency key is
--       then for each: 0 and a run of bodies, each after its length in four bytes; or 1, one such,
--       the place of its idempotency key in KEYS or 0, its digest, its version or 0, what it is a
--       version of
-- Returns the epoch, then for each what became of it, its offset, its epoch, and when it was
-- published, in ms; of a run those of the first, and the offsets of the others follow it. The time
-- is also in the id of an entry of the stream, behind the offset.

local PUBLISHED, REPEATED, OUTDATED, CONFLICT = 0, 1, 2, 3

local size, ttl = tonumber(ARGV[5]), ARGV[6]
local stream, meta = KEYS[1], KEYS[2]
local time = redis.call('TIME')
local now = digits(tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000))
local kept = size > 0
local epoch, offset = '', 0
if kept then epoch, offset = standing(stream, meta, ARGV[3], ARGV[4]) end

local reply = {epoch}
local first, bodies = offset + 1, {}

local function answer(outcome, at, of, ms)
  reply[#reply + 1] = outcome
  reply[#reply + 1] = digits(at)
  reply[#reply + 1] = of
  reply[#reply + 1] = ms
end

local function place(run)
  bodies[#bodies + 1] = run
  if not kept then return end
  local at = 1
  while at <= #run do
    local from = at + 4
    at = from + struct.unpack('>I4', run, at)
    offset = offset + 1
    redis.call('XADD', stream, 'MAXLEN', size, digits(offset) .. '-' .. now, 'd',
      string.sub(run, from, at - 1))
  end
end

-- Whether it was published before; if so, that is answered.
local function known(key, digest)
  local before = redis.call('HMGET', key, 'd', 's', 'e', 't')
  if not before[1] then return false end
  if before[1] ~= digest then answer(CONFLICT, 0, '', now)
  else answer(REPEATED, tonumber(before[2]), before[3], before[4] or now) end
  return true
end

local function outdated(version, of)
  if not kept or version == '0' then return false end
  local last = redis.call('HMGET', meta, 'v', 've')
  if last[2] == of and tonumber(version) <= tonumber(last[1]) then return true end
  redis.call('HSET', meta, 'v', version, 've', of)
  return false
end

local function publish(body, keyAt, digest, version, of)
  local key = keyAt > 0 and KEYS[keyAt]
  if key and known(key, digest) then return end
  local outcome = OUTDATED
  if not outdated(version, of) then
    outcome = PUBLISHED
    place(body)
  end
  answer(outcome, offset, epoch, now)
  if key then
    redis.call('HSET', key, 'd', digest, 's', digits(offset), 'e', epoch, 't', now)
    redis.call('PEXPIRE', key, ARGV[8])
  end
end

local at = 9
while at <= #ARGV do
  local run = ARGV[at + 1]
  if ARGV[at] == '0' then
    answer(PUBLISHED, kept and offset + 1 or 0, epoch, now)
    place(run)
    at = at + 2
  else
    publish(run, tonumber(ARGV[at + 2]), ARGV[at + 3], ARGV[at + 4], ARGV[at + 5])
    at = at + 6
  end
end

if #bodies > 0 then
  if kept then
    redis.call('HSET', meta, 's', digits(offset))
    redis.call('PEXPIRE', stream, ttl)
    redis.call('PEXPIRE', meta, ARGV[7])
  end
  local head = '1p' .. digits(kept and first or 0) .. ':' .. epoch .. ':'
  redis.call(ARGV[2], ARGV[1], head .. table.concat(bodies))
end
return reply
