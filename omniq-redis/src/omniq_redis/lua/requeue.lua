-- requeue: put tasks that ended badly back to ready; counters 0, attempt kept, epoch + 1.
-- KEYS   1 the project's prefix
-- ARGV   1 now   2 delay (µs)   then ids
-- Reply  one word an id, of the first so many ids: it ends early where they have many parents
--include time
--include layout
--include lining
--include ending
--include entering
local EMPTY, held = string.rep('\0', 8), 0

local function requeue(id)
  local blob = call('HGET', K .. 's', id)
  if not blob then return 'missing' end
  local state, a, b = sub(blob, 1, 1), byte(blob, 2, 3)
  if state <= RUNNING then return 'live' end
  if state == SUCCEEDED then return 'succeeded' end
  local queue, key, until_ = queue_of(blob), nil, nil
  if band(b, UNIQUE) > 0 then
    key = sub(blob, 117 + #queue, 132 + #queue)
    until_ = sub(blob, 133 + #queue, 133 + #queue)
    local holder = holder_of(key)
    if holder and holder ~= id then return 'held' end
  end
  local ttl, expires = micros(blob, 88), 0
  b = band(b, ON_FAIL + ON_RUN + UNIQUE)
  if ttl > 0 then
    expires = now + ttl - 1
    b = bor(b, EXPIRES)
  end
  local epoch = pack('>I2', (struct.unpack('>I2', blob, 96) + 1) % 65536)
  blob = READY .. char(band(a, CHILDREN + PARENTS), b) .. sub(blob, 4, 15) .. EMPTY .. sub(blob, 24, 29)
    .. pack('>I8', now + ARGV[2]) .. EMPTY .. sub(blob, 46, 61) .. now8 .. pack('>I8', expires)
    .. sub(blob, 78, 95) .. epoch .. '\0' .. sub(blob, 99)
  for _, hash in ipairs({'r', 'e', 'n'}) do call('HDEL', K .. hash, id) end
  call('ZREM', K .. 'f', id)
  call('HSET', K .. 's', id, blob)
  if ttl > 0 then call('ZADD', K .. 'x', expires, id) end
  if key and until_ ~= 'w' then call('HSET', K .. 'u', key, id .. epoch .. until_ .. EMPTY) end
  local parents = band(a, PARENTS) > 0 and call('HGET', K .. 'h', id) or ''
  hold_parents('kc', parents, id)
  held = held + #parents / 16
  count(state, queue, -1)
  line_up(id, blob)
  return 'requeued'
end

call('ZREM', K .. 'l', '') -- a deletion first: an operator may act on a full server
local reply = {}
for at = 3, #ARGV do
  if held >= edges then break end
  reply[at - 2] = requeue(ARGV[at])
end
keep_counts()
return reply
