-- entering: one task comes in, its checks in their order, then its writes; all checks are before the first write
local ZEROS = string.rep('\0', 20)
local refused = {}

local function holder_of(key)
  local entry = call('HGET', K .. 'u', key)
  if not entry then return nil end
  local id, until_ = sub(entry, 1, 16), sub(entry, 19, 19)
  if until_ == 'w' then
    return now < micros(entry, 20) and id or nil
  end
  local blob = call('HGET', K .. 's', id)
  if not blob or sub(blob, 96, 97) ~= sub(entry, 17, 18) then return nil end
  local state = sub(blob, 1, 1)
  if until_ == 's' then
    return state <= READY and band(byte(blob, 3), CLAIMED) == 0 and id or nil
  end
  return state <= RUNNING and id or nil
end

local function hold_parents(key, parents, id)
  for from = 1, #parents, 1600 do
    local pairs_ = {}
    for at = from, math.min(from + 1599, #parents), 16 do
      pairs_[#pairs_ + 1] = 0
      pairs_[#pairs_ + 1] = sub(parents, at, at + 15) .. id
    end
    call('ZADD', K .. key, unpack(pairs_))
  end
end

-- Says by parents in which state a task begins and which of them it misses.
local function begin_state(parents, b, found)
  local missing, seen = {}, {}
  for at = 1, #parents, 16 do
    local parent = sub(parents, at, at + 15)
    local state = sub(found[parent], 1, 1)
    if state < SUCCEEDED then
      if not seen[parent] then missing[#missing + 1] = parent end
      seen[parent] = true
    elseif state ~= SUCCEEDED and band(b, ON_RUN) == 0 then
      return band(b, ON_FAIL) > 0 and FAILED or SKIPPED, {}
    end
  end
  return #missing > 0 and WAITING or READY, missing
end

-- extra is '' or flags B, run (8), expires (8), insert_before (8), window (8), kinds, then the parents' ids.
-- kinds: 1 run is a time and no delay, 2 it has an expiry, 4 that is a time and no ttl
local function enter(id, extra, suffix, envelope)
  local found = call('HGET', K .. 's', id)
  if found then
    if sub(found, 99, 115) ~= sub(suffix, 22, 38) then
      refused[id] = true
      return 'conflict', ''
    end
    return 'known', sub(found, 1, 1)
  end
  local b, run, expires, before, window, kinds, parents = 0, 0, 0, 0, 0, 0, ''
  if extra ~= '' then
    b, run, expires, before, window, kinds = struct.unpack('>BI8I8I8I8B', extra)
    parents = sub(extra, 35)
  end
  local queue = sub(suffix, 40, 39 + byte(suffix, 39))
  local key
  if band(b, UNIQUE) > 0 then
    key = sub(suffix, 40 + #queue, 55 + #queue)
    local holder = holder_of(key)
    if holder then
      refused[id] = true
      return 'unique', holder
    end
  end
  local known = {}
  for from = 1, #parents, 1600 do
    local some = {}
    for at = from, math.min(from + 1599, #parents), 16 do some[#some + 1] = sub(parents, at, at + 15) end
    for n, blob in ipairs(call('HMGET', K .. 's', unpack(some))) do
      if blob and not refused[some[n]] then
        known[some[n]] = sub(blob, 1, 2)
      else
        refused[id] = true
        return 'parent', some[n]
      end
    end
  end
  if before > 0 and now >= before then
    refused[id] = true
    return 'late', ''
  end
  refused[id] = nil
  if band(kinds, 1) == 0 then run = now + run elseif run < now then run = now end
  if band(kinds, 6) == 2 then expires = now + expires end
  local state, missing = begin_state(parents, b, known)
  local a = parents ~= '' and PARENTS or 0
  local blob = state .. char(a, b) .. ZEROS .. pack('>I6', call('HINCRBY', K .. 'c', 'n' .. queue, 1))
    .. pack('>I8', run) .. (state >= SUCCEEDED and now8 or sub(ZEROS, 1, 8)) .. sub(ZEROS, 1, 8) .. now8 .. now8
    .. pack('>I8', expires) .. suffix
  if state == FAILED then blob = sub(blob, 1, 97) .. char(PARENT_FAILED) .. sub(blob, 99) end
  call('HSET', K .. 's', id, blob)
  call('HSET', K .. 'p', id, envelope)
  call('ZADD', K .. 'i', 0, id)
  if key and (window > 0 or sub(suffix, 56 + #queue, 56 + #queue) ~= 'w') then -- a window of 0 is over already
    call('HSET', K .. 'u', key, id .. '\0\0' .. sub(suffix, 56 + #queue, 56 + #queue) .. pack('>I8', now + window))
    if window > 0 then call('ZADD', K .. 'w', now + window, key) end
  end
  if parents ~= '' then call('HSET', K .. 'h', id, parents) end
  if state >= SUCCEEDED then
    count(state, queue, 1)
    call('ZADD', K .. 'f', keep_until(blob), id)
    return nil
  end
  hold_parents('kc', parents, id)
  if #missing > 0 then hold_parents('ko', table.concat(missing), id) end
  for _, parent in ipairs(missing) do
    if band(byte(known[parent], 2), CHILDREN) == 0 then
      call('HSET', K .. 's', parent, flag(call('HGET', K .. 's', parent), 2, CHILDREN))
    end
  end
  if band(kinds, 2) > 0 then call('ZADD', K .. 'x', expires, id) end
  if state == WAITING then
    call('HSET', K .. 'k', id, #missing)
    count(WAITING, queue, 1)
  else
    line_up(id, blob)
  end
  return nil
end
