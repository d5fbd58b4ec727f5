-- What all gateways tell the backend. KEYS, all in one slot:
--   1  a stream of the events that wait; the number of its ids is that of the events
--   2  a hash:  last     the last id              epoch  the id of the last reset
--               dropped  events that were, since the last batch that was delivered
--               full     too many wait: until those that do are through, nothing is told
--               life     of the server      found    the last id when that life began, until it
--                                                    is known whether the backend has heard more
--   3  a hash of leases: how many happenings were entered under each, and of which gateway
--   4  a hash of channels: their subscribers everywhere
--   5  channels that nobody is in, by when they will be told vacated
-- and of one lease
--   6  a hash of clients that were told of: events told of each, since when it is there, user
--   7  a set of channel and client, for each subscription that was told of
-- ARGV  1 what these keys begin with  2 the types of events that are wanted, a letter each
--       3 how many events may wait    4 how long, in ms, a channel waits to be told vacated
--       5 life of the server, '' where it is to be found out

local prefix, wanted, waitMax = ARGV[1], ARGV[2], tonumber(ARGV[3])
local vacateMs = tonumber(ARGV[4])
local time = redis.call('TIME')
local nowMs = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local nowUs = tonumber(time[1]) * 1000000 + tonumber(time[2])

local fields = redis.call('HMGET', KEYS[2], 'last', 'epoch', 'dropped', 'full', 'life', 'found')
local last, epoch = tonumber(fields[1] or '0'), tonumber(fields[2] or '0')
local dropped, full = tonumber(fields[3] or '0'), fields[4] == '1'
local life, found = fields[5] or '', tonumber(fields[6] or '0')
local waiting = redis.call('XLEN', KEYS[1])

local function lifeOf(given)
  if given ~= '' then return given end
  local info = redis.pcall('INFO', 'server')
  if type(info) == 'table' then return '-' end
  return string.match(info, 'run_id:(%w+)') or '-'
end

-- A server that was started again, or took over from another, may have forgotten the newest.
local present = lifeOf(ARGV[5])
if life ~= '' and life ~= present then found = last end
life = present

local function digits(number)
  return string.format('%.0f', number)
end

local function wants(letter)
  return string.find(wanted, letter, 1, true) ~= nil
end

-- Ids are microseconds of this server's clock, so that they go on where it forgot the last ones.
local function append(members)
  last = math.max(last + 1, nowUs)
  redis.call('XADD', KEYS[1], digits(last) .. '-0', 'e', members)
  waiting = waiting + 1
end

-- Nobody is connected any more, as far as the backend knows: everyone is to be told again.
local function reset(cause)
  for _, lease in ipairs(redis.call('HKEYS', KEYS[3])) do
    redis.call('UNLINK', prefix .. 'clients:' .. lease, prefix .. 'subscriptions:' .. lease)
  end
  redis.call('UNLINK', KEYS[4], KEYS[5], KEYS[6], KEYS[7])
  append('"type":"reset","time":' .. digits(nowMs) .. ',"cause":"' .. cause .. '"')
  epoch = last
  found = 0
end

local function begin(wasBegun)
  if epoch == 0 then reset(wasBegun and 'lost' or 'start') end
end

local function drop(count)
  dropped = dropped + count
end

local function fill()
  full = true
  reset('overflow')
end

-- Where no more than what is full waits, everyone can be told again.
local function drain()
  if waiting == 0 then full = false end
end

local function keep()
  redis.call('HSET', KEYS[2], 'last', digits(last), 'epoch', digits(epoch),
    'dropped', digits(dropped), 'full', full and '1' or '0', 'life', life, 'found', digits(found))
end

local function tellOfChannel(letter, type, channel)
  if not wants(letter) then return end
  append('"type":"' .. type .. '","time":' .. digits(nowMs) .. ',"channel":' .. cjson.encode(channel))
end

local function occupy(channel)
  if not (wants('o') or wants('v')) then return end
  if redis.call('HINCRBY', KEYS[4], channel, 1) > 1 then return end
  if redis.call('ZREM', KEYS[5], channel) == 0 then tellOfChannel('o', 'channel_occupied', channel) end
end

local function leave(channel)
  if not (wants('o') or wants('v')) then return end
  if redis.call('HINCRBY', KEYS[4], channel, -1) > 0 then return end
  redis.call('HDEL', KEYS[4], channel)
  if vacateMs == 0 then tellOfChannel('v', 'channel_vacated', channel)
  else redis.call('ZADD', KEYS[5], nowMs + vacateMs, channel) end
end

-- Tells those that are due; about how many at most.
local function vacate(count)
  for _, channel in ipairs(redis.call('ZRANGEBYSCORE', KEYS[5], '-inf', nowMs, 'LIMIT', 0, count)) do
    redis.call('ZREM', KEYS[5], channel)
    tellOfChannel('v', 'channel_vacated', channel)
  end
end

-- What was told of a client: how many events, since when it is there, and its user as JSON; nil where
-- it was not told of.
local function known(client)
  local told = redis.call('HGET', KEYS[6], client)
  if not told then return nil end
  local seq, since, user = string.match(told, '^(%d+) (%d+) (.*)$')
  return {seq = tonumber(seq), since = since, user = user}
end

-- Gives the event of a client its place, and takes down that it was told.
local function tell(letter, client, told, members)
  if not told or not wants(letter) then return end
  told.seq = told.seq + 1
  redis.call('HSET', KEYS[6], client, digits(told.seq) .. ' ' .. told.since .. ' ' .. told.user)
  append(members .. ',"seq":' .. digits(told.seq))
end

local function connect(client, about, members)
  if redis.call('HSETNX', KEYS[6], client, '0 ' .. about) == 1 then
    tell('c', client, known(client), members)
  end
end

local function disconnect(client, told, at, members)
  if not told then return end
  local duration = math.max(0, tonumber(at) - tonumber(told.since))
  tell('d', client, told, members .. ',"duration":' .. digits(duration))
  redis.call('HDEL', KEYS[6], client)
end

local function subscribe(client, told, channel, members)
  if not told then return end
  if redis.call('SADD', KEYS[7], channel .. '\0' .. client) == 0 then return end
  tell('s', client, told, members)
  occupy(channel)
end

local function unsubscribe(client, told, channel, members)
  if redis.call('SREM', KEYS[7], channel .. '\0' .. client) == 0 then return end
  tell('u', client, told, members)
  leave(channel)
end
