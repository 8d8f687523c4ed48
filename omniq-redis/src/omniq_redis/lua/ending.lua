-- ending: a task ends, and what that means for its parents and children, up to a budget of children a call
-- and of edges to parents. What is left over stands in `todo` and `undo`; the caller's reply says so, and `resolve` goes
-- on at once.
local budget, edges = 500, 5000
local LAST = string.rep('\255', 16)
local ended, told, parents_ended, left_over = {}, {}, {}, false

local function keep_until(blob)
  local keep = micros(blob, 80)
  return micros(blob, 38) + (keep > TOMBSTONE and keep or TOMBSTONE)
end

local function is_needed(id)
  return call('ZRANGEBYLEX', K .. 'kc', '[' .. id, '[' .. id .. LAST, 'LIMIT', 0, 1)[1] ~= nil
end

-- Takes the edges to a child's parents away, from this place of its list; gives where to go on, if that was not all.
local function drop_edges(child, at)
  if edges <= 0 then return at end
  local parents = call('HGET', K .. 'h', child) or ''
  call('HDEL', K .. 'k', child)
  while at <= #parents and edges > 0 do
    local ids, both = {}, {}
    for place = at, math.min(at + 1599, #parents), 16 do
      ids[#ids + 1] = sub(parents, place, place + 15)
      both[#both + 1] = ids[#ids] .. child
    end
    call('ZREM', K .. 'kc', unpack(both))
    call('ZREM', K .. 'ko', unpack(both))
    for n, blob in ipairs(call('HMGET', K .. 's', unpack(ids))) do
      if blob and sub(blob, 1, 1) >= SUCCEEDED and not is_needed(ids[n]) then
        call('ZADD', K .. 'f', 'NX', keep_until(blob), ids[n])
      end
    end
    edges, at = edges - #ids, at + 16 * #ids
  end
  return at <= #parents and at or nil
end

local function let_parents_go(child, at)
  local rest = drop_edges(child, at)
  if rest then
    left_over = true
    call('ZADD', K .. 'undo', rest, child)
  end
end

local function finish(id, blob, state, reason, keep8)
  local from, a, b = sub(blob, 1, 1), byte(blob, 2, 3)
  local queue = queue_of(blob)
  if from == RUNNING then
    call('ZREM', K .. 'l', id)
  else
    if from == READY then line_off(id, blob) end
    if band(b, EXPIRES) > 0 then call('ZREM', K .. 'x', id) end
  end
  if from ~= READY then count(from, queue, -1) end
  count(state, queue, 1)
  blob = state .. char(band(a, 255 - WATCHED)) .. sub(blob, 3, 37) .. now8 .. sub(blob, 46, 79)
    .. (keep8 or sub(blob, 80, 87)) .. sub(blob, 88, 97) .. char(reason or 0) .. sub(blob, 99)
  call('HSET', K .. 's', id, blob)
  call('ZADD', K .. 'f', keep_until(blob), id)
  if band(a, WATCHED) > 0 then told[#told + 1] = id end
  if band(a, PARENTS) > 0 then let_parents_go(id, 1) end
  if band(a, CHILDREN) > 0 then parents_ended[#parents_ended + 1] = id end
  ended[#ended + 1] = id
  ended[#ended + 1] = state
end

local function tell_child(child, parent_state)
  local blob = call('HGET', K .. 's', child)
  if not blob or sub(blob, 1, 1) ~= WAITING then return end
  local b = byte(blob, 3)
  if parent_state == SUCCEEDED or band(b, ON_RUN) > 0 then
    if call('HINCRBY', K .. 'k', child, -1) > 0 then return end
    call('HDEL', K .. 'k', child)
    if micros(blob, 30) < now then blob = sub(blob, 1, 29) .. now8 .. sub(blob, 38) end
    blob = READY .. sub(blob, 2)
    call('HSET', K .. 's', child, blob)
    count(WAITING, queue_of(blob), -1)
    line_up(child, blob)
  elseif band(b, ON_FAIL) > 0 then
    finish(child, blob, FAILED, PARENT_FAILED)
  else
    finish(child, blob, SKIPPED)
  end
end

local function tell_children()
  local at = 1
  while parents_ended[at] do
    local parent = parents_ended[at]
    local blob = call('HGET', K .. 's', parent)
    local state = blob and sub(blob, 1, 1) or WAITING
    while state >= SUCCEEDED do
      local open = call('ZRANGEBYLEX', K .. 'ko', '[' .. parent, '[' .. parent .. LAST, 'LIMIT', 0, 100)
      if #open == 0 then break end
      if budget <= 0 then
        left_over = true
        call('ZADD', K .. 'todo', 0, parent)
        break
      end
      budget = budget - #open
      for _, edge in ipairs(open) do
        call('ZREM', K .. 'ko', edge)
        tell_child(sub(edge, 17), state)
      end
    end
    at = at + 1
  end
  parents_ended = {}
end

-- Goes on with what earlier calls had no room for.
local function go_on()
  for _, parent in ipairs(call('ZRANGE', K .. 'todo', 0, 9)) do
    call('ZREM', K .. 'todo', parent)
    parents_ended[#parents_ended + 1] = parent
  end
  tell_children()
  local owed = call('ZRANGE', K .. 'undo', 0, 99, 'WITHSCORES')
  for n = 1, #owed, 2 do
    if edges <= 0 then break end
    local child = owed[n]
    local blob = call('HGET', K .. 's', child)
    call('ZREM', K .. 'undo', child)
    -- One that was requeued has its edges again.
    if blob and sub(blob, 1, 1) >= SUCCEEDED then let_parents_go(child, tonumber(owed[n + 1])) end
  end
end

local function publish()
  if #told > 0 then call('PUBLISH', K .. 'done', table.concat(told)) end
end
