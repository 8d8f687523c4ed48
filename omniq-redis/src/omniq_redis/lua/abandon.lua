-- abandon: undo a claim whose answer was lost, and shut the door to one that comes late.
-- KEYS   1 the project's prefix
-- ARGV   1 now   2 claim id (8 bytes)   3 how long it gives nothing (µs)
-- Leases are of running tasks only, so looking through all of them is short; an abandon is rare.
--include time
--include layout
--include lining
call('ZREMRANGEBYSCORE', K .. 'a', '-inf', now)
call('ZADD', K .. 'a', now + ARGV[3], ARGV[2])
local held = call('ZRANGE', K .. 'l', 0, -1)
for at = 1, #held, 500 do
  local ids = {unpack(held, at, math.min(at + 499, #held))}
  for n, blob in ipairs(call('HMGET', K .. 's', unpack(ids))) do
    if blob and sub(blob, 8, 15) == ARGV[2] and sub(blob, 1, 1) == RUNNING then
      local id, releases = ids[n], math.min(struct.unpack('>I2', blob, 20) + 1, 65535)
      blob = READY .. sub(blob, 2, 19) .. pack('>I2', releases) .. sub(blob, 22)
      call('ZREM', K .. 'l', id)
      call('HSET', K .. 's', id, blob)
      if byte(blob, 3) % 2 == 1 then call('ZADD', K .. 'x', micros(blob, 70), id) end
      count(RUNNING, queue_of(blob), -1)
      line_up(id, blob)
    end
  end
end
keep_counts()
return 0
