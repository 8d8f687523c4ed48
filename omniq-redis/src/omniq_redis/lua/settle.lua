-- settle: write how attempts ended, each with its result and what must follow.
-- KEYS   1 the project's prefix
-- ARGV   1 now   2 how many   then for each: head, data; then what follows: id, extra, suffix, envelope, ...
--        head   id (16), attempt (4), claim (8), kind. 'S' success with result, 'N' without, 'X' anything else, then
--               state, counter ('-' or its place), reason, fields, delay (8), keep (8), follow-ups (2), their place (4)
--        fields 1 delay, 2 keep, 4 result, 8 error, 16 note: the last three stand in data, length (4) first
-- Reply  0 where all went as asked and nothing is left over; else left over (0 or 1), index, what, ...
-- Plain successes go together. A full server lets this pass since the first write is a deletion.
--include time
local n = tonumber(ARGV[2])
local ids, slow = {}, {}
for k = 1, n do ids[k] = sub(ARGV[2 * k + 1], 1, 16) end
local found, blobs = call('HMGET', K .. 's', unpack(ids)), {}
local states, keeps, results, gone, queues = {}, {}, {}, {}, {}
for k = 1, n do
  local id, head, blob = ids[k], ARGV[2 * k + 1], found[k]
  local kind = sub(head, 29)
  if (kind == 'S' or kind == 'N') and blob and not blobs[id] and sub(blob, 1, 2) == '2\0'
    and sub(blob, 4, 15) == sub(head, 17, 28) then
    blobs[id] = true
    local m = #states
    states[m + 1], states[m + 2] = id, '3' .. sub(blob, 2, 37) .. now8 .. sub(blob, 46)
    gone[#gone + 1] = id
    local keep = struct.unpack('>I8', blob, 80)
    keeps[m + 1], keeps[m + 2] = now + (keep > 600000000 and keep or 600000000), id
    if kind == 'S' then
      m = #results
      results[m + 1], results[m + 2] = id, ARGV[2 * k + 2]
    end
    local queue = sub(blob, 117, 116 + byte(blob, 116))
    queues[queue] = (queues[queue] or 0) + 1
  else
    slow[#slow + 1] = k
  end
end
if #gone > 0 then
  call('ZREM', K .. 'l', unpack(gone))
  call('HSET', K .. 's', unpack(states))
  call('ZADD', K .. 'f', unpack(keeps))
  if #results > 0 then call('HSET', K .. 'r', unpack(results)) end
  for queue, by in pairs(queues) do
    call('HINCRBY', K .. 'c', '2' .. queue, -by)
    call('HINCRBY', K .. 'c', '3' .. queue, by)
  end
end
if #slow == 0 then return 0 end

--include layout
--include lining
--include ending
--include entering
call('ZREM', K .. 'l', '')

local function piece(data, at)
  local size = struct.unpack('>I4', data, at)
  return sub(data, at + 4, at + 3 + size), at + 4 + size
end

local function set_field(hash, id, value)
  if value and value ~= '' then call('HSET', K .. hash, id, value) else call('HDEL', K .. hash, id) end
end

local function write(id, blob, asked, to, head, data)
  local counter, reason, fields = sub(head, 31, 31), byte(head, 32, 33)
  local at, result, problem, note = 1, nil, nil, nil
  if band(fields, 4) > 0 then result, at = piece(data, at) end
  if band(fields, 8) > 0 then problem, at = piece(data, at) end
  if band(fields, 16) > 0 then note = piece(data, at) end
  local a, b = byte(blob, 2, 3)
  if note then
    set_field('n', id, note)
    b = note ~= '' and bor(b, NOTE) or band(b, 255 - NOTE)
  end
  if to == asked then
    if problem then
      call('HSET', K .. 'e', id, problem)
      a = bor(a, ERROR)
    elseif band(a, ERROR) > 0 then
      call('HDEL', K .. 'e', id)
      a = band(a, 255 - ERROR)
    end
    if counter ~= '-' then
      local place = 16 + 2 * counter
      local raised = math.min(struct.unpack('>I2', blob, place) + 1, 65535)
      blob = sub(blob, 1, place - 1) .. pack('>I2', raised) .. sub(blob, place + 2)
    end
  end
  blob = sub(blob, 1, 1) .. char(a, b) .. sub(blob, 4)
  if to == READY then
    if band(fields, 1) > 0 then
      blob = sub(blob, 1, 29) .. pack('>I8', now + micros(head, 34)) .. sub(blob, 38)
    end
    blob = READY .. sub(blob, 2)
    call('ZREM', K .. 'l', id)
    call('HSET', K .. 's', id, blob)
    if b % 2 == 1 then call('ZADD', K .. 'x', micros(blob, 70), id) end
    count(RUNNING, queue_of(blob), -1)
    line_up(id, blob)
  else
    if to == SUCCEEDED and result then call('HSET', K .. 'r', id, result) end
    finish(id, blob, to, to == asked and reason or 0, band(fields, 2) > 0 and sub(head, 42, 49) or nil)
    tell_children()
  end
end

local reply = {0}
for _, k in ipairs(slow) do
  local id, head, data = ids[k], ARGV[2 * k + 1], ARGV[2 * k + 2]
  local kind, asked = sub(head, 29, 29), SUCCEEDED
  if kind == 'X' then
    asked = sub(head, 30, 30)
  else -- written out, so that one function serves both
    head = sub(head, 1, 28) .. 'X3-\0' .. char(kind == 'S' and 4 or 0) .. string.rep('\0', 22)
    data = pack('>I4', #data) .. data
  end
  local blob, what = call('HGET', K .. 's', id), nil
  if not blob or sub(blob, 4, 15) ~= sub(head, 17, 28) then
    what = 'lost'
  else
    local state, to = sub(blob, 1, 1), asked
    if byte(blob, 2) % 2 == 1 and (asked == READY or asked == FAILED) then to = CANCELLED end
    if state == RUNNING then
      write(id, blob, asked, to, head, data)
      if to ~= asked then what = 'cancelled' end
      local many, at = struct.unpack('>I2I4', head, 50)
      refused = {}
      for follow = 1, what and 0 or many do
        enter(ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3])
        at = at + 4
      end
    elseif state ~= to then
      what = state >= SUCCEEDED and 'done' or 'lost'
    elseif to ~= asked then
      what = 'cancelled'
    end
  end
  if what then
    reply[#reply + 1] = k - 1
    reply[#reply + 1] = what
  end
end
if left_over then reply[1] = 1 end
publish()
keep_counts()
if #reply == 1 and reply[1] == 0 then return 0 end
return reply
