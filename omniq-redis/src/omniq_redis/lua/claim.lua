-- claim: give ready tasks to one holder, queue by queue, in the order of their scores.
-- KEYS   1 the project's prefix
-- ARGV   1 now   2 limit   3 lease (µs)   4 claim id (8 bytes)   5 worker   then queues
-- Reply  now, µs to the next due task, -1 for none, -2 for ask again at once, expired ids, members (seq + id), blobs, envelopes, notes: id, note, ...
-- What is past its ttl and met on the way ends. A full claim sets the marker again for what it leaves, due or not: so a burst
-- wakes one worker after the other, and somebody with room knows what is due next. A short one takes the marker away.
-- Nothing is given from a queue while it has more overdue tasks than one call moves: one of them may be the most urgent.
--include time
--include layout
--include lining
--include ending
local limit, claim, worker = tonumber(ARGV[2]), ARGV[4], ARGV[5]
local PROMOTED, EXPIRED_AT_ONCE, LOOKED = 1000, 1000, 100
call('ZREMRANGEBYSCORE', K .. 'a', '-inf', now) -- also the deletion that opens the script on a full server
local due, members, blobs, envelopes, notes, leases, states, mortal, expired, past = -1, {}, {}, {}, {}, {}, {}, {}, {}, {}

-- Moves what is due into the queue; false where there may be more of it.
local function promote(queue)
  local late = call('ZRANGE', K .. 'd:' .. queue, '-inf', now, 'BYSCORE', 'LIMIT', 0, PROMOTED, 'WITHSCORES')
  if #late == 0 then return true end
  local add, gone = {}, {}
  for n = 1, #late, 2 do
    local member = late[n]
    add[n], add[n + 1] = score_of(byte(member, 1), tonumber(late[n + 1])), sub(member, 2)
    gone[#gone + 1] = member
  end
  call('ZADD', K .. 'q:' .. queue, unpack(add))
  call('ZREM', K .. 'd:' .. queue, unpack(gone))
  return #gone < PROMOTED
end

-- Takes what there is, up to the limit. Once something past its ttl was met, it looks at more than it may take.
local function take(queue)
  local started = pack('>I8', now)
  local q, given, step = K .. 'q:' .. queue, 0, 2
  while #members < limit and #expired < EXPIRED_AT_ONCE do
    local want, looked = limit - #members, 0
    local front
    if step == 2 then
      front = call('ZPOPMIN', q, want)
    else
      want = math.max(want, LOOKED)
      front = call('ZRANGE', q, 0, want - 1)
    end
    if #front == 0 then break end
    local ids = {}
    for n = 1, #front, step do ids[#ids + 1] = sub(front[n], 7) end
    local met = #expired
    for n, blob in ipairs(call('HMGET', K .. 's', unpack(ids))) do
      local id, a, b = ids[n], byte(blob, 2, 3)
      if b % 2 == 1 and micros(blob, 70) <= now then
        expired[#expired + 1] = id
        past[#past + 1] = blob
      else
        if #members == limit then break end
        if b % 2 == 1 then mortal[#mortal + 1] = id end
        if band(b, NOTE) > 0 then
          notes[#notes + 1] = id
          notes[#notes + 1] = call('HGET', K .. 'n', id)
        end
        blob = RUNNING .. char(a, bor(b, CLAIMED)) .. pack('>I4', struct.unpack('>I4', blob, 4) + 1) .. claim
          .. sub(blob, 16, 45) .. started .. sub(blob, 54, byte(blob, 79)) .. worker
        given = given + 1
        local at = #members + 1
        members[at], blobs[at] = front[step * (n - 1) + 1], blob
        states[2 * at - 1], states[2 * at] = id, blob
        leases[2 * at - 1], leases[2 * at] = now + ARGV[3], id
      end
      looked = n
    end
    if step == 1 then call('ZREMRANGEBYRANK', q, 0, looked - 1) end
    if #ids < want then break end
    if #expired > met then step = 1 end
  end
  if given > 0 then count(RUNNING, queue, given) end
end

local function next_due(queue)
  local first = call('ZRANGE', K .. 'd:' .. queue, 0, 0, 'WITHSCORES')[2]
  if not first then return end
  local left = first - now
  if left < 0 then left = 0 end
  if due < 0 or left < due then due = left end
end

local function rearm(queue)
  if call('EXISTS', K .. 'q:' .. queue, K .. 'd:' .. queue) > 0 then call('ZADD', K .. 'm:' .. queue, 0, '') end
end

local queues, paused = {}, {}
for at = 6, #ARGV, 1000 do
  local part = {unpack(ARGV, at, math.min(at + 999, #ARGV))}
  for n, is_paused in ipairs(call('HMGET', K .. 'z', unpack(part))) do
    queues[#queues + 1], paused[#queues + 1] = part[n], is_paused
  end
end
if call('ZSCORE', K .. 'a', claim) then
  for _, queue in ipairs(queues) do rearm(queue) end
  return {now, -1, '', {}, {}, {}, {}}
end
local halted = false
for n, queue in ipairs(queues) do
  if #members >= limit or #expired >= EXPIRED_AT_ONCE then break end
  if not paused[n] then
    if not promote(queue) then
      halted = true
      break
    end
    take(queue)
  end
end
if #members > 0 then
  local ids = {}
  for n, member in ipairs(members) do ids[n] = sub(member, 7) end
  if #mortal > 0 then call('ZREM', K .. 'x', unpack(mortal)) end
  call('HSET', K .. 's', unpack(states))
  call('ZADD', K .. 'l', unpack(leases))
  envelopes = call('HMGET', K .. 'p', unpack(ids))
end
-- After the walk: what it releases is for the next claim.
for n, id in ipairs(expired) do finish(id, past[n], EXPIRED) end
tell_children()
local full = #members >= limit
for n, queue in ipairs(queues) do
  if paused[n] then
    -- nothing: resuming sets the marker
  elseif full or halted then
    rearm(queue)
  else
    if #expired > 0 and call('EXISTS', K .. 'q:' .. queue) > 0 then
      due = 0
    else
      call('ZREM', K .. 'm:' .. queue, '')
    end
    next_due(queue)
  end
end
if halted then due = -2 end
publish()
keep_counts()
return {now, due, table.concat(expired), members, blobs, envelopes, notes}
