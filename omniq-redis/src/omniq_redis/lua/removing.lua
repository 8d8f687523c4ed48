-- removing: let a finished record go, with everything that stands under its id
local function release(blob, id)
  local at = 117 + byte(blob, 116)
  if sub(blob, at + 16, at + 16) == 'w' then return end -- a window outlives its task
  local key = sub(blob, at, at + 15)
  local entry = call('HGET', K .. 'u', key)
  if entry and sub(entry, 1, 16) == id and sub(entry, 19, 19) ~= 'w' then call('HDEL', K .. 'u', key) end
end

local emptied = {}

-- A queue without tasks is not remembered: stats would look through all names that ever were. After `keep_counts`.
local function forget_queues()
  for queue in pairs(emptied) do
    local fields = {}
    for n, state in ipairs({WAITING, RUNNING, SUCCEEDED, FAILED, CANCELLED, EXPIRED, SKIPPED}) do
      fields[n] = state .. queue
    end
    local left = call('EXISTS', K .. 'q:' .. queue, K .. 'd:' .. queue)
    for _, many in ipairs(call('HMGET', K .. 'c', unpack(fields))) do
      if many and many ~= '0' then left = 1 end
    end
    if left == 0 then
      call('HDEL', K .. 'c', 'n' .. queue, unpack(fields))
      call('DEL', K .. 'm:' .. queue)
    end
  end
end

local function remove(id, blob)
  local a, b = byte(blob, 2, 3)
  call('HDEL', K .. 's', id)
  call('HDEL', K .. 'p', id)
  call('HDEL', K .. 'r', id)
  call('ZREM', K .. 'f', id)
  call('ZREM', K .. 'i', id)
  if band(a, ERROR) > 0 then call('HDEL', K .. 'e', id) end
  if band(b, NOTE) > 0 then call('HDEL', K .. 'n', id) end
  if band(a, PARENTS) > 0 then
    local rest = call('ZSCORE', K .. 'undo', id)
    if rest then -- or its parents would be needed for ever
      edges = 1e9
      drop_edges(id, tonumber(rest))
      call('ZREM', K .. 'undo', id)
    end
    call('HDEL', K .. 'h', id)
  end
  if band(a, CHILDREN) > 0 then call('ZREM', K .. 'todo', id) end
  if band(b, UNIQUE) > 0 then release(blob, id) end
  emptied[queue_of(blob)] = true
  count(sub(blob, 1, 1), queue_of(blob), -1)
end
