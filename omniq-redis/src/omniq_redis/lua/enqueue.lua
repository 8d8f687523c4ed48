-- enqueue: write new tasks, each whole or not at all.
-- KEYS   1 the project's prefix
-- ARGV   1 now ('' for the server's)   2 ids refused earlier in this call   then for each: id, extra, suffix, envelope
-- Reply  0 where all are new, else index, what, detail, ... of each that was not created
-- A plain task has no extra. One plain task has a way of its own: most of the cost of a call is its number of steps.
-- The first write is one that a full server refuses, so a refused call has written nothing.
--include time
local NONE = string.rep('\0', 20)
local head, dates = '1\0\0' .. NONE, now8 .. sub(NONE, 1, 16) .. now8 .. now8 .. sub(NONE, 1, 8)
local since = now - 1735689600000000

if #ARGV == 6 and ARGV[4] == '' then
  local id, suffix = ARGV[3], ARGV[5]
  local queue = sub(suffix, 40)
  local seq = pack('>I6', call('HINCRBY', K .. 'c', 'n' .. queue, 1))
  if call('HSETNX', K .. 's', id, head .. seq .. dates .. suffix) == 1 then
    call('HSET', K .. 'p', id, ARGV[6])
    call('ZADD', K .. 'i', 0, id)
    call('ZADD', K .. 'q:' .. queue, byte(suffix, 1) * 900000000000000 + since, seq .. id)
    call('ZADD', K .. 'm:' .. queue, 0, '')
    return 0
  end
end

local ids, seen, plain = {}, {}, true
for at = 3, #ARGV, 4 do
  local id = ARGV[at]
  if ARGV[at + 1] ~= '' or seen[id] then plain = false end
  seen[id] = true
  ids[#ids + 1] = id
end
if plain then
  for _, found in ipairs(call('HMGET', K .. 's', unpack(ids))) do
    if found then
      plain = false
      break
    end
  end
end

if plain then
  local blobs, envelopes, index, queues, sizes = {}, {}, {}, {}, {}
  for at = 3, #ARGV, 4 do
    local queue = sub(ARGV[at + 2], 40)
    sizes[queue] = (sizes[queue] or 0) + 1
  end
  for queue, size in pairs(sizes) do
    queues[queue] = {call('HINCRBY', K .. 'c', 'n' .. queue, size) - size, {}}
  end
  for n, id in ipairs(ids) do
    local suffix = ARGV[4 * n + 1]
    local lane = queues[sub(suffix, 40)]
    lane[1] = lane[1] + 1
    local seq, members = pack('>I6', lane[1]), lane[2]
    members[#members + 1] = byte(suffix, 1) * 900000000000000 + since
    members[#members + 1] = seq .. id
    blobs[2 * n - 1], blobs[2 * n] = id, head .. seq .. dates .. suffix
    envelopes[2 * n - 1], envelopes[2 * n] = id, ARGV[4 * n + 2]
    index[2 * n - 1], index[2 * n] = 0, id
  end
  call('HSET', K .. 's', unpack(blobs))
  call('HSET', K .. 'p', unpack(envelopes))
  call('ZADD', K .. 'i', unpack(index))
  for queue, lane in pairs(queues) do
    call('ZADD', K .. 'q:' .. queue, unpack(lane[2]))
    call('ZADD', K .. 'm:' .. queue, 0, '')
  end
  return 0
end

--include layout
--include lining
--include ending
--include entering
for at = 1, #ARGV[2], 16 do
  refused[sub(ARGV[2], at, at + 15)] = true
end
local reply = {}
for n, id in ipairs(ids) do
  local what, detail = enter(id, ARGV[4 * n], ARGV[4 * n + 1], ARGV[4 * n + 2])
  if what then
    reply[#reply + 1] = n - 1
    reply[#reply + 1] = what
    reply[#reply + 1] = detail
  end
end
keep_counts()
return reply
