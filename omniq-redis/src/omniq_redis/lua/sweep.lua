-- sweep: a bounded piece of housekeeping: end by ttl, tell children that are owed it, purge, forget windows.
-- KEYS   1 the project's prefix
-- ARGV   1 now   2 limit
-- Reply  more (0 or 1), purged, then id, state, ... of what ended
--include time
--include layout
--include lining
--include ending
--include removing
local limit, done, purged = tonumber(ARGV[2]), 0, 0
call('ZREMRANGEBYSCORE', K .. 'a', '-inf', now)

-- What is owed comes first: its parents' ends were written before anything of this call.
go_on()

for _, id in ipairs(call('ZRANGE', K .. 'x', '-inf', now, 'BYSCORE', 'LIMIT', 0, limit)) do
  local blob = call('HGET', K .. 's', id)
  if blob and sub(blob, 1, 1) <= READY then -- it may have ended with one before it
    finish(id, blob, EXPIRED)
    tell_children()
  else
    call('ZREM', K .. 'x', id)
  end
  done = done + 1
end

if done < limit then
  for _, id in ipairs(call('ZRANGE', K .. 'f', '-inf', now, 'BYSCORE', 'LIMIT', 0, limit - done)) do
    local blob = call('HGET', K .. 's', id)
    if is_needed(id) then
      call('ZREM', K .. 'f', id) -- comes back when its last live child ends
    else
      remove(id, blob)
      purged = purged + 1
    end
    done = done + 1
  end
end

if done < limit then
  for _, key in ipairs(call('ZRANGE', K .. 'w', '-inf', now, 'BYSCORE', 'LIMIT', 0, limit - done)) do
    call('ZREM', K .. 'w', key)
    local entry = call('HGET', K .. 'u', key)
    if entry and sub(entry, 19, 19) == 'w' and micros(entry, 20) <= now then call('HDEL', K .. 'u', key) end
    done = done + 1
  end
end
publish()
keep_counts()
forget_queues()
local reply = {(done >= limit or left_over or call('EXISTS', K .. 'todo', K .. 'undo') > 0) and 1 or 0, purged}
for n, one in ipairs(ended) do reply[n + 2] = one end
return reply
