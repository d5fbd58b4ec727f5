-- Enters what happened on one gateway.
-- KEYS  8 the leases that have not ended
-- ARGV  6 lease  7 gateway  8 the last number that the gateway knows to be entered
--       9 the last reset that it knows of, and 10 how many waited then
--       11 how many it dropped before these  12 the number of the first of these
--       13 whether they are told again, 1 or 0: those come in such portions that there is room
--       then for each: letter, client, detail, members of the event. The detail is the channel; or
--       since when and the user of who connects; or when one disconnects
-- Returns 1, or 0 where the lease has ended; the epoch, whether it is full, how many events wait,
-- how many were dropped because it is full, and how many because the server had forgotten them.

local lease, gateway, entered = ARGV[6], ARGV[7], tonumber(ARGV[8])
local dropsBefore, first, again = tonumber(ARGV[11]), tonumber(ARGV[12]), ARGV[13] == '1'
local count = (#ARGV - 13) / 4

-- What is entered under a lease that nobody knows, nobody would ever tell gone.
if not redis.call('ZSCORE', KEYS[8], lease) then return {0} end

local done = tonumber(string.match(redis.call('HGET', KEYS[3], lease) or '0', '^%d+'))

-- The server forgot what it had said was done. What was delivered before is not lost; how much that
-- is, is not known. Where everything began anew since then, others found out before.
local forgotten = math.min(math.max(0, entered - done), tonumber(ARGV[10]))
drop(forgotten)
begin(entered > 0)
if done < entered and epoch <= tonumber(ARGV[9]) then reset('lost') end

local refused = 0
local function enter(letter, client, detail, members)
  if not full and waiting >= waitMax and not again then fill() end
  if full then
    -- Who is told again is told once more when there is room.
    if not again then refused = refused + 1 end
  elseif letter == 'c' then connect(client, detail, members)
  elseif letter == 'd' then disconnect(client, known(client), detail, members)
  elseif letter == 's' then subscribe(client, known(client), detail, members)
  else unsubscribe(client, known(client), detail, members) end
end

-- A command may be carried out long after it was given up: what has an older number than the last
-- was entered before, or is out of date.
if count > 0 and first > done then drop(dropsBefore) end
for index = math.max(0, done + 1 - first), count - 1 do
  local at = 14 + index * 4
  enter(ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3])
end

drop(refused)
redis.call('HSET', KEYS[3], lease, digits(math.max(done, first + count - 1)) .. ' ' .. gateway)
keep()
return {1, digits(epoch), full and 1 or 0, waiting, refused, forgotten}
